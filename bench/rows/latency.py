"""From the call that publishes to the receiver's line, at 200 deliveries a second."""

from bench.frame import Bench, Figure, Goal, number, percentile
from bench.portal import Portal, call

WEBHOOKS, EVENTS_A_SECOND, SECONDS = 10, 20, 20
PUBLICATIONS = """
    SELECT 'msg_' || replace(d.uuid::text, '-', ''), e.publication_id
    FROM dispatch_delivery d JOIN dispatch_event e ON e.id = d.event_id
"""


def run(bench: Bench) -> list[Figure]:
    portal = Portal(bench.around)
    portal.prepare(bench.around.receiver.urls[:WEBHOOKS])
    events = bench.share(SECONDS * EVENTS_A_SECOND, 40)
    with portal.running() as running:
        portal.measure(running, 1)
        place, mark = bench.around.receiver.mark(), portal.mark()
        paced = call(
            running.publisher, "publishing:pace", product=portal.product, events=events, per_second=EVENTS_A_SECOND
        )
        portal.settle(paced["deliveries"], place, mark)
    called = {publication: at for publication, at, _, _ in paced["calls"]}
    publication_of = dict(portal.ask(PUBLICATIONS))
    lines = bench.around.receiver.lines(place)
    waits = [(line.at - called[publication_of[line.webhook_id.replace("-", "")]]) * 1000 for line in lines]
    itself = percentile([seconds * 1000 for _, _, seconds, _ in paced["calls"]], 0.5)
    note = (
        f"median {number(percentile(waits, 0.5))}, p99 {number(percentile(waits, 0.99))} ms over {len(waits):,}; "
        f"the call of publish itself takes {number(itself)} ms"
    )
    goal = Goal(100, 25, most=True)
    return [Figure("publish to receipt at 200 deliveries/s, p95", percentile(waits, 0.95), "ms", goal, note)]
