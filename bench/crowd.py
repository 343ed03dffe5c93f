"""Portals with many webhooks and a backlog that nobody works off; made once in a run, however many rows read them."""

from bench.frame import Bench
from bench.portal import Portal, call

EVENTS = 100


class Crowd(Portal):
    """A portal whose product has `webhooks` hearers and was published 100 times."""

    waiting = 0

    def fill(self, webhooks: int, events: int = EVENTS) -> None:
        super().make_home()
        url = self.receiver.urls[0] + "/{n}"
        with self.inside() as inside:
            call(inside, "publishing:migrate")
            answer = call(inside, "crowd:fill", webhooks=webhooks, events=events, url=url)
        self.product, self.waiting = answer["product"], answer["deliveries"]


def crowd(bench: Bench, webhooks: int, events: int = EVENTS) -> Crowd:
    """Return the crowd of that many webhooks, made at the first call."""
    key = f"crowd {webhooks} {events}"
    if key not in bench.found:
        bench.found[key] = made = Crowd(bench.around)
        made.fill(bench.share(webhooks), events)
    found: Crowd = bench.found[key]
    return found
