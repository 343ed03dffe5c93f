"""Addresses that a name resolved to, judged: what a transfer may connect to."""

from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext_lazy as _

from outbound import outcomes
from outbound.addresses import Address, refuse_target
from outbound.errors import Refused
from outbound.networks import parse_address
from outbound.policy import Policy, Verdict, load_policy
from outbound.resolver import Answer, Lookup, get_resolver

_MESSAGES = {
    outcomes.NAME_NOT_FOUND: _("The host name of this address does not exist."),
    outcomes.DNS_TIMEOUT: _("The name servers did not answer in time. Please try again."),
    outcomes.DNS_FAILED: _("The name servers of this address answered with a failure."),
}


@dataclass(frozen=True, slots=True)
class Target:
    """The checked addresses of one host and port. `resolve_entry`: the same for libcurl, empty for a literal host."""

    addresses: tuple[str, ...]
    port: int
    private: frozenset[str]
    resolve_entry: str = ""

    def allows(self, address: str, port: int) -> bool:
        """True if a connection to this address, as libcurl writes it, goes where we checked."""
        return port == self.port and (address in self.addresses or str(parse_address(address)) in self.addresses)

    def is_private(self, address: str) -> bool:
        """True if the operator's permission opened the address ("" for: not connected yet)."""
        if not address:
            return bool(self.private)
        return address in self.private or str(parse_address(address)) in self.private


def judge_literal(address: Address, policy: Policy) -> Target:
    """The target of an address whose host is an IP address."""
    return _judge(address.host, address.port, (address.host,), policy)


def judge_answer(host: str, port: int, answer: Answer, policy: Policy) -> Target:
    """The target that a name's answer gives. One address that may not be called refuses the whole name."""
    if answer.error is not None:
        raise Refused(answer.error, _MESSAGES[answer.error])
    return _judge(host, port, answer.addresses, policy)


def resolve_and_check(host: str, port: int, *, policy: Policy | None = None) -> Target:
    """Resolve a host as `check_url` returned it, and judge the answer; raises Refused. Blocks for up to 3 s."""
    policy = policy or load_policy()
    if parse_address(host) is not None:
        return _judge(host, port, (host,), policy)
    answer = get_resolver().ask(host)
    if isinstance(answer, Lookup):
        answer = answer.wait()
    return judge_answer(host, port, answer, policy)


@lru_cache(maxsize=4096)
def _judge(host: str, port: int, found: tuple[str, ...], policy: Policy) -> Target:
    verdicts = {text: policy.judge(text, port) for text in found}
    if not verdicts or Verdict.REFUSED in verdicts.values():
        raise refuse_target()
    plain = {text: str(parse_address(text)) for text in found}
    private = frozenset(plain[text] for text, verdict in verdicts.items() if verdict is Verdict.PRIVATE)
    addresses = tuple(dict.fromkeys(plain.values()))
    if parse_address(host) is not None:
        return Target(addresses, port, private)
    shown = ",".join(f"[{text}]" if ":" in text else text for text in addresses)
    return Target(addresses, port, private, f"{host}:{port}:{shown}")
