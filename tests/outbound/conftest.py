from collections.abc import Callable, Iterator

import pytest

from outbound.client import Pool, send
from outbound.transfer import Request, Result, Tls
from tests.network import Names
from tests.receiver import Receiver

Send = Callable[..., Result]


@pytest.fixture
def reachable(loopback: None, names: Names) -> None:
    """The operator allows loopback, and hook.test is a name for it."""
    names["hook.test"] = ["127.0.0.1"]


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(8)
    yield made
    made.close()


@pytest.fixture(params=["send", "pool"])
def deliver(request: pytest.FixtureRequest, pool: Pool) -> Send:
    """Send one request, by each of the two ways there are."""
    return send if request.param == "send" else lambda asked: through(pool, asked)


def post(url: str, **over: object) -> Request:
    values: dict[str, object] = {"headers": (("Content-Type", "application/json"),), "body": b"{}"}
    return Request("POST", url, **(values | {"deadline_seconds": 5.0} | over))  # type: ignore[arg-type]


def through(pool: Pool, request: Request) -> Result:
    pool.start(request, "tag")
    return finish(pool, 1)[0]


def finish(pool: Pool, count: int) -> list[Result]:
    """Poll until `count` results are in, in the order of arrival."""
    results: list[Result] = []
    while len(results) < count:
        found = pool.poll(5)
        assert found, f"only {len(results)} of {count} results came in"
        results += [result for _, result in found]
    return results


def hook(receiver: Receiver, path: str = "/hook") -> str:
    return receiver.url(path, host="hook.test")


__all__ = ["Send", "Tls", "finish", "hook", "post", "through"]
