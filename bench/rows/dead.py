"""One webhook that hangs to the deadline and owns 5 % of what is due: what the others lose by it."""

from collections import Counter

from bench.frame import Bench, Figure, Goal, median, spread
from bench.portal import Portal, call
from bench.receiver import Receiver, compare, running_slow_receiver

EVENTS, SHARE = 200, 0.05
# Short enough to be reached several times while the others' backlog is worked off.
SETTINGS = {"PORTAL_OUTBOUND_DEADLINE_SECONDS": "3"}
ATTEMPTS = """
    SELECT 'msg_' || replace(d.uuid::text, '-', ''), count(*)
    FROM dispatch_attempt a JOIN dispatch_delivery d ON d.id = a.delivery_id
    WHERE a.webhook_id = {webhook} AND a.outcome NOT IN ('', 'handed_back', 'not_sent') GROUP BY 1
"""


class Beside(Portal):
    """A portal whose live webhooks may have a dead one beside them."""

    def prepare_beside(self, dead: Receiver | None) -> None:
        self.dead = dead
        self.make_home()
        with self.inside() as inside:
            call(inside, "publishing:migrate")
            self.product = call(inside, "publishing:prepare", urls=self.receiver.urls)["product"]
            if dead:
                made = call(inside, "publishing:prepare", urls=dead.urls)
                self.dead_product, self.dead_webhook = made["product"], made["webhooks"][0]
        # Every round begins with a copy of it: what the dead one has left belongs to no later round.
        self.pristine = self.database_url

    def work_off(self, events: int) -> float:
        """Work a backlog off; return how many deliveries a second the live webhooks got. Raises Mismatch."""
        self.connect(self.around.new_database(like=self.pristine))
        place = self.dead.mark() if self.dead else 0
        with self.running() as running:
            self.measure(running, 1)
            with self.backlog(running, events) as backlog:
                if self.dead:
                    hanging = round(backlog.count * SHARE / (1 - SHARE))
                    call(running.publisher, "publishing:publish", product=self.dead_product, events=hanging)
            seconds = self.settle(backlog.count, backlog.place, backlog.mark) - backlog.released_at
        if self.dead:
            # Compared once the dispatchers have ended, and with them the last of the requests that hung.
            compare(self.received_by(self.dead, place), Counter(dict(self.ask(self._attempts()))))
        return backlog.count / seconds

    def _attempts(self) -> str:
        return ATTEMPTS.format(webhook=self.dead_webhook)


def run(bench: Bench) -> list[Figure]:
    events = bench.share(EVENTS)
    with running_slow_receiver(bench.around.folder, "dead", -1) as dead:
        without, beside = Beside(bench.around, **SETTINGS), Beside(bench.around, **SETTINGS)
        without.prepare_beside(None)
        beside.prepare_beside(dead)
        rates: dict[str, list[float]] = {"without": [], "beside": []}
        for _ in range(bench.rounds):
            rates["without"].append(without.work_off(events))
            rates["beside"].append(beside.work_off(events))
    note = f"{spread(rates['beside'])}/s beside it, {spread(rates['without'])}/s without"
    what = "one dead webhook owning 5 % of what is due: throughput of the others"
    return [Figure(what, median(rates["beside"]) / median(rates["without"]), "x", Goal(0.85, 0.95), note)]
