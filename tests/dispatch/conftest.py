"""A webhook at a real receiver on loopback, and a dispatcher that works until nothing is due."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dispatch import clock
from dispatch.dispatcher import Dispatcher
from dispatch.models import Delivery
from tests.factories import make_product, make_webhook


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
            return dispatcher.idle and not Delivery.objects.waiting().filter(due_at__lte=clock.now()).exists()

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
