"""The list of networks, to the letter: the first, the last and the neighbours of each."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbound.networks import is_link_local, is_loopback, is_public, parse_address

DENIED_V4 = [
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
]
DENIED_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"]


@pytest.mark.parametrize("text", DENIED_V4)
def test_every_address_of_a_denied_ipv4_network_is_refused(text: str) -> None:
    network = ip_network(text)
    assert not is_public(network[0])
    assert not is_public(network[-1])


@pytest.mark.parametrize(
    "text",
    [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "168.63.129.15",
        "168.63.129.17",
        "192.31.195.255",
        "192.52.194.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.175.47.255",
        "192.175.49.0",
        "8.8.8.8",
    ],
)
def test_neighbours_of_denied_ipv4_networks_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", DENIED_V6)
def test_every_address_of_a_denied_ipv6_network_is_refused(text: str) -> None:
    network = ip_network(text)
    assert not is_public(network[0])
    assert not is_public(network[-1])


@pytest.mark.parametrize(
    "text",
    [
        "2000::",
        "2001:200::",
        "2001:db7:ffff::",
        "2001:db9::",
        "2001:ffff::",
        "2003::",
        "2620:4f:7fff::",
        "2620:4f:8001::",
        "3ffe::",
        "3fff:1000::",
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2606:4700::1111",
    ],
)
def test_global_unicast_ipv6_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "::",
        "::1",
        "::8.8.8.8",  # IPv4-compatible
        "64:ff9b::8.8.8.8",  # NAT64
        "64:ff9b:1::1",
        "100::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",  # site-local
        "ff02::1",
        "1fff:ffff::",
        "4000::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
    ],
)
def test_ipv6_outside_the_allowed_block_is_refused(text: str) -> None:
    assert not is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_public_exactly_when_no_denied_network_holds_it(address: IPv4Address) -> None:
    assert is_public(address) is not any(address in ip_network(text) for text in DENIED_V4)


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_is_public_only_inside_the_allowed_block(address: IPv6Address) -> None:
    expected = address in ip_network("2000::/3") and not any(address in ip_network(text) for text in DENIED_V6)
    if address.ipv4_mapped is None:
        assert is_public(address) is expected


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_the_ipv4_address_in_it(address: IPv4Address) -> None:
    mapped = f"::ffff:{address}"
    assert parse_address(mapped) == address
    assert is_public(IPv6Address(mapped)) is is_public(address)


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "01.2.3.4", "1.2.3.4/32", "fe80::1%eth0", "[::1]", "1.2.3.4 ", "0x7f.1", "2130706433", "a"]
)
def test_what_is_no_plain_address_is_not_read_as_one(text: str) -> None:
    assert parse_address(text) is None


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "127.255.255.255", "::1", "0.0.0.0", "0.1.2.3", "::", "::ffff:127.0.0.1"]
)
def test_every_way_to_this_machine_counts_as_loopback(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert is_loopback(address)


@pytest.mark.parametrize(
    "text",
    ["169.254.169.254", "fe80::1", "168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::254"],
)
def test_metadata_services_count_as_link_local(text: str) -> None:
    assert is_link_local(ip_address(text))
