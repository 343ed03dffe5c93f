"""A webhook at a real receiver on loopback, and a dispatcher that works until nothing is due."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from connections.models import Connection
from dispatch import broker, clock
from dispatch.dispatcher import Dispatcher
from dispatch.models import Delivery
from portal.celery import app
from tests import brokers, services
from tests.dispatch.issuing import issued, make_source
from tests.dispatch.running import Senders
from tests.factories import make_product, make_webhook
from tests.processes import Oracle
from tests.receiver import Receiver
from webhooks.models import Webhook


@pytest.fixture
def product(db: None) -> Any:
    return make_product()


@pytest.fixture
def webhook(loopback: None, receiver: Any, product: Any) -> Any:
    return make_webhook(request_uri=receiver.url("/hook"), products=[product])


@pytest.fixture
def dispatcher(db: None) -> Iterator[Dispatcher]:
    running = Dispatcher()
    yield running
    running.pool.close()


@pytest.fixture
def work(dispatcher: Dispatcher) -> Callable[[], None]:
    """Let the dispatcher work until it is idle and nothing is due; bounded."""

    def run() -> None:
        deadline = time.monotonic() + 20

        def finished() -> bool:
            assert time.monotonic() < deadline, "the dispatcher did not come to rest"
            return _nothing_due(dispatcher)

        dispatcher.wake()
        while not finished():
            dispatcher.step()

    return run


@pytest.fixture
def later(settings: Any) -> Callable[[float], None]:
    """Move the clock of claims and due times forward."""

    def move(seconds: float) -> None:
        settings.PORTAL_TEST_CLOCK_OFFSET_SECONDS += seconds

    return move


@pytest.fixture
def oracle(tmp_path: Path, loopback: None) -> Iterator[Oracle]:
    """The recording receiver in a process of its own."""
    with Oracle(tmp_path) as running:
        yield running


@pytest.fixture
def redis() -> Iterator[brokers.Redis]:
    """A Redis of this test's own."""
    if not brokers.provide_redis():
        services.miss("Redis")
    with brokers.Redis() as running:
        yield running


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[str]:
    """The URL of a RabbitMQ for the tests of this process: each one to start takes some seconds."""
    if not brokers.provide_rabbitmq():
        services.miss("RabbitMQ")
    with brokers.RabbitMQ() as running:
        yield running.url


@pytest.fixture
def use_broker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`use_broker(url)`: this process wakes drains as a web process with that broker does."""

    def use(url: str) -> None:
        settings.CELERY_BROKER_URL, settings.PORTAL_HAS_BROKER = url, True
        monkeypatch.setitem(app.conf, "broker_url", url)
        monkeypatch.setattr(broker, "_callers", [broker.Caller()])

    return use


@pytest.fixture(
    params=["dispatcher", *(pytest.param(name, marks=pytest.mark.celery) for name in ("redis", "rabbitmq"))]
)
def senders(request: pytest.FixtureRequest, db: None) -> Senders:
    """The running modes, one after the other. What needs a broker has a part of its own in `make test`."""
    if request.param == "dispatcher":
        return Senders("dispatcher")
    if connection.vendor != "postgresql":
        pytest.skip("SQLite and a broker don't go together")
    server = request.getfixturevalue(request.param)
    url = server if isinstance(server, str) else server.url
    request.getfixturevalue("use_broker")(url)
    return Senders(request.param, url)


@pytest.fixture
def source(receiver: Receiver, webhook: Webhook) -> Connection:
    """The webhook at /hook sends with tokens of /token. Tokens are fetched in threads: for tests with real
    transactions."""
    receiver.answer("/token", issued())
    return make_source(receiver.url("/token"), webhook)


@pytest.fixture
def settle(dispatcher: Dispatcher) -> Callable[[], None]:
    """As `work`, until no token is waited for either."""

    def run() -> None:
        deadline = time.monotonic() + 20
        dispatcher.wake()
        while not (_nothing_due(dispatcher) and not dispatcher.tokens.waiting):
            assert time.monotonic() < deadline, "the dispatcher did not come to rest"
            dispatcher.step()

    return run


def _nothing_due(dispatcher: Dispatcher) -> bool:
    return dispatcher.idle and not Delivery.objects.waiting().filter(due_at__lte=clock.now()).exists()
