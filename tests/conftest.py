"""Fixtures of the whole suite, and its promise that no test reaches beyond this machine."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import hypothesis
import pytest
from django.db import connection
from django.utils import translation

from tests import services
from tests.flush import _flush_may_empty_the_audit_trail  # noqa: F401 (autouse)
from tests.people import Person, make_owner
from tests.receiver import Receiver

# A busy machine makes no example slow; and CI says the same about the same commit each time.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if services.must_have_everything() else "here")

pytest_plugins = ["tests.network"]

_real_getaddrinfo = socket.getaddrinfo


def _local_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name not in (None, "", "localhost") and not _is_literal(name):
        raise socket.gaierror(socket.EAI_NONAME, f"the tests resolve no names, and {name!r} was asked for")
    return _real_getaddrinfo(host, *args, **kwargs)


def _is_literal(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


@pytest.fixture(autouse=True, scope="session")
def _no_name_leaves_the_machine() -> Iterator[None]:
    # pytest-socket refuses connections, but a look-up alone already asks a server outside.
    socket.getaddrinfo = _local_getaddrinfo
    yield
    socket.getaddrinfo = _real_getaddrinfo


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    # A request leaves its language behind in this thread; the test that comes next must not find it.
    with translation.override("en"):
        yield


@pytest.fixture
def loopback(settings: Any) -> None:
    """The operator allows loopback, as `make run` does for its demo receiver: for tests with a real receiver."""
    settings.PORTAL_OUTBOUND_ALLOW = ["127.0.0.0/8"]
    settings.PORTAL_OUTBOUND_ALLOW_LOOPBACK = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests of what only one database does run in its part of `make test`; elsewhere they say so."""
    other, name = ("sqlite", "SQLite") if connection.vendor == "postgresql" else ("postgres", "PostgreSQL")
    for item in items:
        # What needs PostgreSQL and starts processes brings a server of its own.
        if item.get_closest_marker(other) and (other == "sqlite" or not item.get_closest_marker("process")):
            item.add_marker(pytest.mark.skip(reason=f"needs {name}: `make test` runs it there"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server for processes of tests; `make test` brings one, else one is started here."""
    with services.provide_postgres() as url:
        if url is None:
            services.miss("PostgreSQL")
        yield url


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database on that server."""
    with services.fresh_database(postgres_server) as url:
        yield url


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def owner(db: None) -> Person:
    """Administrator of the participant that the test is about."""
    return make_owner()


@pytest.fixture
def teammate(owner: Person) -> Person:
    """Technical user of the owner's participant."""
    return owner.colleague("technical")


@pytest.fixture
def viewer(owner: Person) -> Person:
    """May look at the owner's participant, no more."""
    return owner.colleague("viewer")


@pytest.fixture
def outsider(db: None) -> Person:
    """Administrator of another participant: sees and changes nothing of the owner's."""
    return make_owner("Outsider", "outsider@other.test")


@pytest.fixture
def officer(db: None) -> Person:
    """Staff of the operator, with every permission."""
    return Person.staff()
