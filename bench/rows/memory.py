"""Whether a dispatcher grows with what it has sent."""

from bench.frame import Bench, Figure, Goal, number
from bench.portal import Portal
from bench.processor import rss_bytes

WEBHOOKS, FIRST, LAST = 1_000, 10, 200


def run(bench: Bench) -> list[Figure]:
    portal = Portal(bench.around, dispatchers=1)
    urls = bench.around.receiver.urls
    portal.prepare([f"{urls[number % len(urls)]}/{number}" for number in range(bench.share(WEBHOOKS))])
    with portal.running() as running:
        portal.measure(running, FIRST)
        early = rss_bytes(running.workers[0]) / 1e6
        # In steps, so that the backlog's own size is the same at both moments.
        for _ in range((LAST - FIRST) // FIRST):
            portal.measure(running, FIRST)
        late = rss_bytes(running.workers[0]) / 1e6
    note = f"{number(early)} MB after {number(FIRST * bench.share(WEBHOOKS))} deliveries"
    what = f"memory of a dispatcher after {number(LAST * bench.share(WEBHOOKS))} deliveries"
    return [
        Figure(what, late, "MB", Goal(150, 150, most=True), note),
        Figure(f"{what}, against early", late / early, "x", Goal(1.2, 1.05, most=True)),
    ]
