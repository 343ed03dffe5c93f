"""A receiver that takes 50 ms, with 256 requests in flight: whether waiting costs anything but time."""

from bench.frame import Bench, Figure, Goal, median, number, spread
from bench.portal import Portal
from bench.receiver import running_slow_receiver

DELAY_SECONDS, SLOTS, WEBHOOKS, EVENTS = 0.05, 256, 512, 50
DISPATCHERS = 2
# A whole batch must fit into the lease: dispatch/checks.py.
SETTINGS = {"PORTAL_DISPATCH_CONCURRENCY": str(SLOTS // DISPATCHERS)}


def run(bench: Bench) -> list[Figure]:
    with running_slow_receiver(bench.around.folder, "slow", DELAY_SECONDS) as receiver:
        slow = Portal(bench.around, dispatchers=DISPATCHERS, **SETTINGS)
        fast = Portal(bench.around, dispatchers=DISPATCHERS, **SETTINGS)
        slow.name, fast.name = "slow", "fast"
        slow.receiver = receiver
        for portal in (slow, fast):
            portal.events = bench.share(EVENTS)
            urls = portal.receiver.urls
            portal.prepare([f"{urls[place % len(urls)]}/{place}" for place in range(WEBHOOKS)])
        runs = bench.interleave([slow, fast])
    rates = {name: [run.rate for run in found] for name, found in runs.items()}
    possible = min(SLOTS / DELAY_SECONDS, median(rates["fast"]))
    note = (
        f"{spread(rates['slow'])}/s; at once answered {spread(rates['fast'])}/s; "
        f"256 slots of 50 ms allow {number(SLOTS / DELAY_SECONDS)}/s"
    )
    what = "50 ms receiver, 256 in flight: deliveries/s against what is possible"
    return [Figure(what, median(rates["slow"]) / possible, "x", Goal(0.5, 0.8), note)]
