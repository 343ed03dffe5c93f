from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from outbound.addresses import check_url
from outbound.errors import Refused
from outbound.policy import Policy, Verdict, load_policy, parse_allowance, parse_ports


def policy(*allow: str, **over: Any) -> Policy:
    return Policy(allowances=tuple(parse_allowance(text) for text in allow), **over)


@pytest.mark.parametrize(
    ("allow", "address", "port", "verdict"),
    [
        ("10.0.0.0/8", "10.1.2.3", 443, Verdict.PRIVATE),
        ("10.0.0.0/8", "::ffff:10.1.2.3", 443, Verdict.PRIVATE),
        ("10.0.0.0/8", "11.1.2.3", 443, Verdict.PUBLIC),
        ("10.0.0.0/8", "192.168.1.1", 443, Verdict.REFUSED),
        ("10.0.0.0/8:8443", "10.1.2.3", 8443, Verdict.PRIVATE),
        ("10.0.0.0/8:8443", "10.1.2.3", 443, Verdict.REFUSED),
        ("10.1.2.3", "10.1.2.3", 443, Verdict.PRIVATE),
        ("10.1.2.3", "10.1.2.4", 443, Verdict.REFUSED),
        ("fd00::/8", "fd12::1", 443, Verdict.PRIVATE),
        ("[fd00::/8]:8443", "fd12::1", 8443, Verdict.PRIVATE),
        ("[fd00::/8]:8443", "fd12::1", 443, Verdict.REFUSED),
        ("8.8.8.0/24", "8.8.8.8", 443, Verdict.PUBLIC),
        ("10.0.0.0/8", "not an address", 443, Verdict.REFUSED),
    ],
)
def test_the_operator_opens_networks(allow: str, address: str, port: int, verdict: Verdict) -> None:
    assert policy(allow).judge(address, port) is verdict


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"])
def test_loopback_needs_its_network_and_its_switch(address: str) -> None:
    everything = ("0.0.0.0/0", "::/0")
    assert policy(*everything).judge(address, 80) is Verdict.REFUSED
    assert policy(allow_loopback=True).judge(address, 80) is Verdict.REFUSED
    assert policy(*everything, allow_link_local=True).judge(address, 80) is Verdict.REFUSED
    assert policy(*everything, allow_loopback=True).judge(address, 80) is Verdict.PRIVATE


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "168.63.129.16", "fd00:ec2::254", "100.100.100.200"])
def test_link_local_and_metadata_need_their_network_and_their_switch(address: str) -> None:
    everything = ("0.0.0.0/0", "::/0")
    assert policy(*everything).judge(address, 80) is Verdict.REFUSED
    assert policy(allow_link_local=True).judge(address, 80) is Verdict.REFUSED
    assert policy(*everything, allow_loopback=True).judge(address, 80) is Verdict.REFUSED
    assert policy(*everything, allow_link_local=True).judge(address, 80) is Verdict.PRIVATE


@pytest.mark.parametrize(
    "text",
    ["", "10.0.0.1/8", "10.0.0.0/33", "example.com", "10.0.0.0/8:0", "10.0.0.0/8:65536", "10.0.0.0/8:x", "[fd00::/8",
     "::ffff:10.0.0.0/104"],
)  # fmt: skip
def test_a_network_that_makes_no_sense_stops_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="PORTAL_OUTBOUND_ALLOW"):
        parse_allowance(text)


@pytest.mark.parametrize("text", ["", "0", "65536", "90-80", "a", "1-", "-1", "80,443"])
def test_ports_that_make_no_sense_stop_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="PORTAL_OUTBOUND_PORTS"):
        parse_ports(text)


def test_ports_are_single_or_a_range() -> None:
    assert (parse_ports("443"), parse_ports(" 1024-65535 ")) == ((443, 443), (1024, 65535))


def test_the_policy_follows_the_settings(settings: Any) -> None:
    settings.PORTAL_OUTBOUND_ALLOW = ["10.0.0.0/8:8443"]
    settings.PORTAL_OUTBOUND_ALLOW_HTTP = False
    settings.PORTAL_OUTBOUND_PORTS = ["8443"]
    settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = 7.5
    settings.PORTAL_OUTBOUND_CA_FILE = "/etc/own.pem"
    settings.PORTAL_BASE_URL = "https://Portal.example"
    settings.PORTAL_DOWNLOAD_BASE_URL = "http://10.0.0.9:8443/files"
    loaded = load_policy()
    assert loaded.judge("10.0.0.1", 8443) is Verdict.PRIVATE
    assert (loaded.allow_http, loaded.ports, loaded.deadline_seconds, loaded.ca_file) == (
        False,
        ((8443, 8443),),
        7.5,
        "/etc/own.pem",
    )
    assert loaded.own_origins == {("portal.example", 443), ("10.0.0.9", 8443)}
    assert load_policy() is loaded
    for url in ("https://portal.example:8443/", "https://10.0.0.8:8443/"):
        assert check_url(url)
    with pytest.raises(Refused):
        check_url("https://10.0.0.9:8443/")


def test_the_usual_policy_allows_nothing_private() -> None:
    loaded = load_policy()
    assert (loaded.allowances, loaded.allow_loopback, loaded.allow_link_local) == ((), False, False)
    assert loaded.ca_file.endswith(".pem")


def test_a_deadline_of_nothing_stops_the_start(settings: Any) -> None:
    settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = 0
    with pytest.raises(ImproperlyConfigured):
        load_policy()
