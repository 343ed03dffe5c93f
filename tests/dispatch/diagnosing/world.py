"""Where failures are made happen: real servers on loopback, one webhook, and a dispatcher that sends to it.

A failure is a function of the world that ends in the attempt that failed. `fails_as(code)` puts it into FAILURES, which
must have one for every diagnosis.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from access.actors import Actor
from connections.models import Connection
from dispatch.actions import announce
from dispatch.dispatcher import Dispatcher
from dispatch.models import Attempt
from tests.factories import make_connection, make_product, make_publication, make_webhook
from tests.network import Names
from tests.people import Person
from tests.receiver import Answer, Giver, Receiver
from webhooks.models import Webhook

BY = Actor.system("test")
Failure = Callable[["World"], Attempt | str]
FAILURES: dict[str, Failure] = {}


def fails_as(code: str) -> Callable[[Failure], Failure]:
    """A failure that must be diagnosed as `code`. It returns the attempt, or the code where there is no attempt."""

    def keep(failure: Failure) -> Failure:
        assert code not in FAILURES, f"{code} is reached twice"
        FAILURES[code] = failure
        return failure

    return keep


class World:
    """The owner's participant, whose webhook will fail. Everything in it ends with the test."""

    def __init__(
        self, owner: Person, names: Names, settings: Any, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
    ) -> None:
        self.owner, self.names, self.settings, self.monkeypatch = owner, names, settings, monkeypatch
        self._stack = stack
        self.product = make_product()

    def receiver(self, *answers: Giver, path: str = "/hook", **options: Any) -> Receiver:
        """A server that gives these answers at `path`. `options`: as for Receiver."""
        receiver = self._stack.enter_context(Receiver(**options))
        if answers:
            receiver.answer(path, *answers)
        return receiver

    def webhook(self, url: str = "", **over: Any) -> Webhook:
        url = url or self.receiver().url("/hook")
        made: Webhook = make_webhook(
            participant=self.owner.participant, request_uri=url, products=[self.product], **over
        )
        return made

    def send(self, url: str = "", **over: Any) -> Attempt:
        """What a notification to a new webhook at `url` comes to."""
        return self.send_to(self.webhook(url, **over))

    def answered(self, answer: Giver, **over: Any) -> Attempt:
        """What a notification comes to that gets this answer."""
        return self.send(self.receiver(answer).url("/hook"), **over)

    def send_to(self, webhook: Webhook) -> Attempt:
        announce(make_publication(self.product), by=BY)
        return self.work(webhook)

    def work(self, webhook: Webhook) -> Attempt:
        """Let a dispatcher work until an attempt of this webhook has a diagnosis."""
        dispatcher = Dispatcher()
        self._stack.callback(dispatcher.pool.close)
        deadline = time.monotonic() + 20
        dispatcher.wake()
        while not (failed := Attempt.objects.filter(webhook=webhook).exclude(diagnosis="").order_by("number").last()):
            dispatcher.step()
            assert time.monotonic() < deadline, list(Attempt.objects.values("outcome", "status", "detail"))
        return failed

    def at_end(self, function: Callable[[], object]) -> None:
        self._stack.callback(function)

    # --- tokens -----------------------------------------------------------------------------------------------------

    def connection(self, token_url: str, **over: Any) -> Connection:
        made: Connection = make_connection(participant=self.owner.participant, token_url=token_url, **over)
        return made

    def send_with(self, connection: Connection, *, method: str = "oauth2", url: str = "") -> Attempt:
        """What a notification comes to that needs a token of this connection."""
        webhook = self.webhook(url)
        Webhook.objects.filter(pk=webhook.pk).update(auth_method=method, connection=connection)
        return self.send_to(webhook)

    def ask(self, answer: Giver, **over: Any) -> Attempt:
        """What a notification comes to whose token endpoint gives this answer."""
        return self.send_with(self.connection(self.receiver(answer, path="/token").url("/token"), **over))


def json_answer(body: str, status: int = 200) -> Answer:
    return Answer(status, body.encode(), [("Content-Type", "application/json")])
