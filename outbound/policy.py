"""What this installation may call, as its operator set it (PORTAL_OUTBOUND_*)."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from ipaddress import ip_network
from urllib.parse import urlsplit

import certifi
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

from outbound.networks import IPNetwork, is_link_local, is_loopback, is_public, parse_address

_ALLOWANCE = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<plain>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Verdict(Enum):
    """What may be done with an address: anyone may call it, only the operator's permission opens it, or nobody may."""

    PUBLIC = "public"
    PRIVATE = "private"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Allowance:
    """A network that the operator opened, for one port or for all (`port` None)."""

    network: IPNetwork
    port: int | None = None


@dataclass(frozen=True, eq=False)
class Policy:
    """The rules of one set of settings. `judge` and `allows_port` are pure; the object may be shared by threads."""

    allowances: tuple[Allowance, ...] = ()
    allow_loopback: bool = False
    allow_link_local: bool = False
    allow_http: bool = True
    ports: tuple[tuple[int, int], ...] = ((80, 80), (443, 443), (1024, 65535))
    own_origins: frozenset[tuple[str, int]] = frozenset()
    deadline_seconds: float = 15.0
    ca_file: str = field(default_factory=certifi.where)

    def judge(self, address: str, port: int) -> Verdict:
        """Judge one IP address, written as text. Anything that is not one is refused."""
        parsed = parse_address(address)
        if parsed is None:
            return Verdict.REFUSED
        if is_public(parsed):
            return Verdict.PUBLIC
        if is_loopback(parsed) and not self.allow_loopback:
            return Verdict.REFUSED
        if is_link_local(parsed) and not self.allow_link_local:
            return Verdict.REFUSED
        for allowance in self.allowances:
            if parsed.version != allowance.network.version or allowance.port not in (None, port):
                continue
            if parsed in allowance.network:
                return Verdict.PRIVATE
        return Verdict.REFUSED

    def allows_port(self, port: int) -> bool:
        return any(low <= port <= high for low, high in self.ports)


@lru_cache(maxsize=1)
def load_policy() -> Policy:
    """The policy of the settings, built once. Raises ImproperlyConfigured for settings that make no sense."""
    if not settings.PORTAL_OUTBOUND_DEADLINE_SECONDS > 0:
        raise ImproperlyConfigured("PORTAL_OUTBOUND_DEADLINE_SECONDS must be more than 0")
    own_urls = (settings.PORTAL_BASE_URL, settings.PORTAL_DOWNLOAD_BASE_URL)
    return Policy(
        allowances=tuple(parse_allowance(text) for text in settings.PORTAL_OUTBOUND_ALLOW),
        allow_loopback=settings.PORTAL_OUTBOUND_ALLOW_LOOPBACK,
        allow_link_local=settings.PORTAL_OUTBOUND_ALLOW_LINK_LOCAL,
        allow_http=settings.PORTAL_OUTBOUND_ALLOW_HTTP,
        ports=tuple(parse_ports(text) for text in settings.PORTAL_OUTBOUND_PORTS),
        own_origins=frozenset(_origins_of(own_urls)),
        deadline_seconds=settings.PORTAL_OUTBOUND_DEADLINE_SECONDS,
        ca_file=settings.PORTAL_OUTBOUND_CA_FILE or certifi.where(),
    )


@receiver(setting_changed)
def _forget_policy(*, setting: str, **kwargs: object) -> None:
    if setting.startswith("PORTAL_"):
        load_policy.cache_clear()


def parse_allowance(text: str) -> Allowance:
    """`10.0.0.0/8`, `10.1.2.3:8443`, `fd00::/8`, `[fd00::/8]:8443`. Host bits set beside a mask are an error."""
    text = text.strip()
    if text.count(":") > 1 and not text.startswith("["):
        return Allowance(_parse_network(text))
    match = _ALLOWANCE.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port is not None and not 1 <= port <= 65535):
        raise ImproperlyConfigured(f"PORTAL_OUTBOUND_ALLOW: {text!r} is not network[:port]")
    return Allowance(_parse_network(match["v6"] or match["plain"]), port)


def parse_ports(text: str) -> tuple[int, int]:
    """`443` or `1024-65535`, both ends included."""
    match = _PORTS.fullmatch(text.strip())
    low = int(match[1]) if match else 0
    high = int(match[2] or match[1]) if match else 0
    if not 1 <= low <= high <= 65535:
        raise ImproperlyConfigured(f"PORTAL_OUTBOUND_PORTS: {text!r} is not a port or a range of ports")
    return low, high


def _parse_network(text: str) -> IPNetwork:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"PORTAL_OUTBOUND_ALLOW: {error}") from error
    # Addresses are judged unwrapped, so a mapped network would never match what its author meant.
    if network.version == 6 and network.network_address.ipv4_mapped is not None:
        raise ImproperlyConfigured(f"PORTAL_OUTBOUND_ALLOW: write {text!r} as an IPv4 network")
    return network


def _origins_of(urls: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    for url in urls:
        # An address that can't be read is reported by a check of its own (portal.E003).
        with suppress(ValueError):
            parts = urlsplit(url)
            address = parse_address(parts.hostname or "")
            host = str(address) if address else (parts.hostname or "").rstrip(".")
            yield host, parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)
