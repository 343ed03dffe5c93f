"""Our own design with authentication, beside the same without: what each costs, as a ratio within one run."""

from typing import Any

from bench.frame import Bench, Figure, Goal, median, spread
from bench.portal import Portal, call


class Authenticated(Portal):
    """A portal whose webhooks authenticate as `asked`, a function of bench.inside.authenticating, has them do."""

    asked = ""

    def set_up(self, urls: list[str]) -> dict[str, Any]:
        made = super().set_up(urls)
        with self.inside() as inside:
            call(
                inside,
                f"authenticating:{self.asked}",
                webhooks=made["webhooks"],
                token_url=self.receiver.token_url,
            )
        return made


def compare_with_none(bench: Bench, special: Portal, what: str, goal: Goal) -> list[Figure]:
    """Run `special`, already prepared, in turn with a portal without authentication; one figure, their ratio."""
    plain = Portal(bench.around, scale=bench.scale)
    plain.name, special.name = "plain", "special"
    plain.prepare()
    runs = bench.interleave([plain, special])
    rates = {name: [run.rate for run in found] for name, found in runs.items()}
    each = {name: median([run.each_ms(run.workers) * 1000 for run in found]) for name, found in runs.items()}
    note = (
        f"{spread(rates['special'])}/s against {spread(rates['plain'])}/s; the dispatchers' CPU for each "
        f"{each['special']:.0f} against {each['plain']:.0f} us"
    )
    return [Figure(what, median(rates["special"]) / median(rates["plain"]), "x", goal, note)]
