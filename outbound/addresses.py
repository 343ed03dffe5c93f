"""Which addresses a participant may give us: the rules that can be judged from the text alone, without asking a name
server. They are checked when an address is saved and again before every call.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote

import idna
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from outbound import outcomes
from outbound.errors import Refused
from outbound.networks import parse_address
from outbound.policy import Policy, Verdict, load_policy

MAX_URL: Final = 2048
_MAX_HOST = 253

# Our own parser, not urllib's: that one drops tabs and line feeds, and requests takes `:0` for the default port.
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<authority>[^/?]*)(?P<path>/[^?]*)?(?P<query>\?.*)?")
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<name>[^\[\]:]*))(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_BLANK = re.compile(r"[\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff0-\uffff]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# A last label like this makes clients read the whole name as an IPv4 address in one of its odd spellings.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_INNER_DOMAINS = ("local", "internal", "localhost", "home.arpa")
_FORBIDDEN = _(
    "This address cannot be called from here: it may be in a private or local network, be a name without a dot such as "
    "localhost, or be this portal itself. Use an address that can be reached from the public internet, or ask "
    "operations to allow yours with its port."
)
# RFC 3986: reserved, unreserved and percent; everything else is percent-encoded as UTF-8 before it is sent.
_SAFE = "%:/?@!$&'()*+,;=-._~"
_PLAIN_PATH = re.compile(rf"[0-9A-Za-z{re.escape(_SAFE)}]*", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """An address that may be called, taken apart. `host` is lower-case ASCII, IPv6 without brackets;
    `path` holds the query too; `url` is put together again from the parts, so that libcurl reads what we judged.
    """

    scheme: str
    host: str
    port: int
    path: str
    url: str

    def __repr__(self) -> str:
        return f"<Address {self.scheme}://{self.host}:{self.port}>"  # paths and queries may carry secrets

    @property
    def is_plain_http(self) -> bool:
        """True when credentials would travel unencrypted."""
        return self.scheme == "http"

    @property
    def is_literal(self) -> bool:
        """True when the host is an IP address, which no name server is asked about."""
        return parse_address(self.host) is not None


def check_url(url: str, *, policy: Policy | None = None) -> Address:
    """Take an address apart; raise Refused when we would not call it."""
    policy = policy or load_policy()
    if len(url) > MAX_URL:
        raise Refused("url_too_long", _("The address may have at most 2,048 characters."))
    if _BLANK.search(url) or "\\" in url:
        raise Refused("url_characters", _("The address contains blanks, control characters or a backslash."))
    if "#" in url:
        raise Refused("url_fragment", _("The address must not contain a fragment (#)."))
    match = _URL.fullmatch(url)
    if match is None:
        raise Refused("url_malformed", _("This is not a complete address. Example: https://example.com/hook"))
    scheme = _check_scheme(match["scheme"].lower(), policy)
    host, port = _check_authority(match["authority"], scheme, policy)
    path = (match["path"] or "/") + (match["query"] or "")
    if not _PLAIN_PATH.fullmatch(path):
        path = quote(path, safe=_SAFE)
    return Address(scheme, host, port, path, _put_together(scheme, host, port, path))


def is_plain_http(url: str) -> bool:
    """True when the address as typed begins with http:, valid or not: for the warning beside a form's field."""
    return url.strip().lower().startswith("http:")


def refuse_target() -> Refused:
    """The one refusal of every forbidden target: told apart, the messages would map the operator's network."""
    return Refused(outcomes.REFUSED_ADDRESS, _FORBIDDEN)


def _check_scheme(scheme: str, policy: Policy) -> str:
    if scheme not in _DEFAULT_PORTS:
        raise Refused("url_scheme", _("The address must begin with https:// or http://."))
    if scheme == "http" and not policy.allow_http:
        raise Refused("url_http", _("This installation only calls addresses that begin with https://."))
    return scheme


@lru_cache(maxsize=4096)
def _check_authority(authority: str, scheme: str, policy: Policy) -> tuple[str, int]:
    if "@" in authority:
        raise Refused("url_userinfo", _("The address must not contain a user name or a password."))
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise Refused("url_malformed", _("This is not a complete address. Example: https://example.com/hook"))
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[scheme]
    if not policy.allows_port(port):
        raise _refuse_port(port, policy)
    host = normalise_host(match["name"]) if match["v6"] is None else _normalise_v6(match["v6"])
    _check_target(host, port, policy)
    return host, port


def normalise_host(name: str) -> str:
    """A host name in lower-case ASCII (RFC 5891, UTS 46) without its final dot, or an IPv4 address."""
    if not name.isascii() or "xn--" in name.lower():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise _refuse_host() from None
    host = name.lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refuse_host()
    if _NUMBER.fullmatch(labels[-1]) and parse_address(host) is None:
        raise _refuse_host()
    return host


def _normalise_v6(text: str) -> str:
    if "%" in text:
        raise refuse_target()
    address = parse_address(text) if ":" in text else None
    if address is None:
        raise _refuse_host()
    return str(address)


def _check_target(host: str, port: int, policy: Policy) -> None:
    """Refuse our own origin, names that only mean something inside a network, and forbidden IP addresses."""
    if (host, port) in policy.own_origins:
        raise refuse_target()
    if parse_address(host) is not None:
        if policy.judge(host, port) is Verdict.REFUSED:
            raise refuse_target()
    elif "." not in host or any(host == name or host.endswith(f".{name}") for name in _INNER_DOMAINS):
        raise refuse_target()


def _put_together(scheme: str, host: str, port: int, path: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}{path}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{shown}:{port}{path}"


def _refuse_port(port: int, policy: Policy) -> Refused:
    """Ports are closed for every address alike, so naming those that are open says nothing about a network."""
    ports = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in policy.ports)
    words = _("Port {port} is not called from here. Use another port for your system: {ports}.")
    return Refused("url_port", format_lazy(words, port=port, ports=ports))


def _refuse_host() -> Refused:
    return Refused("url_host", _("The host name of this address is not valid."))
