"""The one place where a socket to the outside is made. libcurl connects it, so nothing that watches Python sees that:
the tests put a guard here.
"""

import socket


def open_socket(family: int, kind: int, protocol: int, address: tuple[str, int]) -> socket.socket:
    """An unconnected socket for an address that has been checked."""
    return socket.socket(family, kind, protocol)
