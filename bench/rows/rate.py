"""Deliveries a second from publish to recorded, against the baselines, and what each costs in processor time."""

from bench.designs import Bare, Naive, Packaged, Run, Tuned
from bench.frame import Bench, Figure, Goal, median, spread
from bench.portal import Portal

AGAINST = ((Naive, Goal(20, 40)), (Tuned, Goal(8, 15)), (Packaged, Goal(15, 30)), (Bare, Goal(0.08, 0.2)))


def run(bench: Bench) -> list[Figure]:
    ours = Portal(bench.around, scale=bench.scale)
    others = [design(bench.around, scale=bench.scale) for design, _ in AGAINST]
    for design in (ours, *others):
        design.prepare()
    runs = bench.interleave([ours, *others])
    bench.found["rate"] = rate = median([each.rate for each in runs[ours.name]])
    figures = [Figure("deliveries/s, publish to recorded", rate, note=_cost(runs[ours.name]))]
    for other, (_, goal) in zip(others, AGAINST, strict=True):
        theirs = median([each.rate for each in runs[other.name]])
        figures.append(Figure(f"against {other.name}", rate / theirs, "x", goal, _cost(runs[other.name])))
    cpu = [each.each_ms(each.workers + each.publisher) * 1000 for each in runs[ours.name]]
    sending = median([each.each_ms(each.workers) * 1000 for each in runs[ours.name]])
    note = f"{spread(cpu)}; the dispatchers alone {sending:.0f} us, the rest is publishing"
    goal = Goal(500, 250, most=True)
    figures.append(Figure("our CPU per delivery, publishing included", median(cpu), "us", goal, note))
    return figures


def _cost(runs: list[Run]) -> str:
    parts = [median([each.each_ms(part) for each in runs for part in [getattr(each, name)]]) for name in PARTS]
    words = ", ".join(f"{name} {value:.3g}" for name, value in zip(PARTS, parts, strict=True))
    return f"{spread([each.rate for each in runs])}/s in {runs[0].deliveries:,}; ms of CPU each: {words}"


PARTS = ("workers", "publisher", "postgres")
