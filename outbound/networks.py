"""Which IP addresses belong to the public internet, by our own list (IANA special-purpose registries).

`ipaddress.is_private` and `is_global` are not enough: NAT64, 6to4, IPv4-compatible, site-local and multicast
addresses count as global there.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_DENIED_V4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",
    )
)
_ALLOWED_V6: Final = IPv6Network("2000::/3")
_DENIED_V6: Final = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)

# The unspecified addresses reach this very machine on Linux, so they need the same permission as loopback.
_LOOPBACK: Final = tuple(ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128"))
# Link-local, and the metadata services of clouds that live elsewhere: Azure, Oracle, Alibaba, Amazon (IPv6).
_LINK_LOCAL: Final = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "100.100.100.200/32",
        "fd00:ec2::254/128",
    )
)


@lru_cache(maxsize=4096)
def parse_address(text: str) -> IPAddress | None:
    """The address, IPv4-mapped IPv6 unwrapped to IPv4; None for anything else, zone ids included."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def is_public(address: IPAddress) -> bool:
    """True for addresses that anyone may be called at."""
    if isinstance(address, IPv4Address):
        return not _is_in(address, _DENIED_V4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    return address in _ALLOWED_V6 and not _is_in(address, _DENIED_V6)


def is_loopback(address: IPAddress) -> bool:
    """This machine, by any of its names."""
    return _is_in(address, _LOOPBACK)


def is_link_local(address: IPAddress) -> bool:
    """The local link and the clouds' metadata services, which hand out credentials."""
    return _is_in(address, _LINK_LOCAL)


def _is_in(address: IPAddress, networks: tuple[IPNetwork, ...]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
