"""Fixtures of the tests of connections."""

import pytest

from outbound.policy import Policy, Verdict
from tests.connections.key_files import Maker


@pytest.fixture
def public_loopback(loopback: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine counts as the public internet: what a token endpoint answers is then kept and shown."""
    monkeypatch.setattr(Policy, "judge", lambda *_args: Verdict.PUBLIC)


@pytest.fixture(scope="session")
def make() -> Maker:
    """Keys and certificates, each made once."""
    return Maker()
