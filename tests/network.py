"""A world without name servers for the tests of everything that calls out, and a wall around this machine.

def test_...(names):
    names["hook.example.test"] = ["127.0.0.1"]
"""

import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import pytest

from outbound import callbacks, sockets
from outbound.resolver import set_resolver


class Names(dict[str, Sequence[str]]):
    """The only names there are, with their addresses. A change counts at once: nothing older is kept."""

    def __setitem__(self, name: str, addresses: Sequence[str]) -> None:
        super().__setitem__(name, addresses)
        set_resolver(self.ask)

    def ask(self, name: str) -> Sequence[str]:
        if name not in self:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self[name]


@pytest.fixture
def names() -> Iterator[Names]:
    known = Names()
    set_resolver(known.ask)
    yield known
    set_resolver(None)


@pytest.fixture(autouse=True)
def _only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    # pytest-socket can't see what libcurl connects: refuse where the socket is made, whatever the policy said.
    def open_loopback_socket(family: int, kind: int, protocol: int, address: tuple[str, int]) -> socket.socket:
        assert ip_address(address[0]).is_loopback, f"a test tried to reach {address[0]}"
        return sockets.open_socket(family, kind, protocol, address)

    monkeypatch.setattr(callbacks, "open_socket", open_loopback_socket)
