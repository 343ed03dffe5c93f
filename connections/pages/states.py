"""How a connection is doing, in one word and one sentence: its key pair, its last token, its last run, its last
failure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from access import slots
from connections.expiry import Validity, describe_validity, lower_first
from connections.models import CachedToken, Connection, ConnectionRun, KeyPair


@dataclass(frozen=True, slots=True)
class StateView:
    """Icon, word and colour, for the `state` tag; `reason` in one sentence where there is something to say."""

    tone: str
    icon: str
    word: str
    reason: str = ""

    @property
    def problem(self) -> bool:
        return self.tone in ("warn", "bad")


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What is known of the tokens of one connection: when the last one came and when it ends, and what keeps the next
    one from coming (a code of connections.failures). `run`: the last "Obter Credenciais" that says something still."""

    obtained_at: datetime | None = None
    expires_at: datetime | None = None
    failure: str = ""
    failure_detail: str = ""
    run: ConnectionRun | None = None


def load_token_facts(connections: Iterable[Connection]) -> dict[int, TokenFacts]:
    """Return the facts by connection; nothing for one that was never used. Two queries, which read no token."""
    known_connections = {connection.pk: connection for connection in connections}
    now_valid = {pk: connection.credential_version for pk, connection in known_connections.items()}
    facts: dict[int, TokenFacts] = {}
    for row in CachedToken.objects.filter(connection__in=now_valid).defer("token").order_by("used_at", "pk"):
        known = facts.get(row.connection_id, TokenFacts())
        newer = row.obtained_at and (known.obtained_at is None or row.obtained_at >= known.obtained_at)
        obtained, expires = (row.obtained_at, row.expires_at) if newer else (known.obtained_at, known.expires_at)
        # A change of the credentials leaves older rows behind, whose failures say nothing any more.
        current = row.credential_version == now_valid[row.connection_id]
        failure = (row.failure_code, row.failure_detail) if current else (known.failure, known.failure_detail)
        facts[row.connection_id] = TokenFacts(obtained, expires, *failure)
    for run in _last_runs(known_connections):
        # Like an older row's failure: what came before a change of the connection says nothing any more.
        if run.at >= known_connections[run.connection_id].updated_at:
            facts[run.connection_id] = replace(facts.get(run.connection_id, TokenFacts()), run=run)
    return facts


def _last_runs(connections: Iterable[int]) -> Iterable[ConnectionRun]:
    finished = ConnectionRun.objects.filter(connection=OuterRef("connection"), finished_at__isnull=False)
    last = Subquery(finished.order_by("-at", "-pk").values("pk")[:1])
    return ConnectionRun.objects.filter(connection__in=list(connections), pk=last).defer("token", "steps", "arguments")


def describe_connection(connection: Connection, facts: TokenFacts | None, now: datetime) -> StateView:
    """Return the state to show. An expired certificate comes before all else: it explains every failure."""
    if connection.archived:
        return StateView("idle", "archive", _("Archived"))
    validity = describe_key_pair(connection.key_pair, now) if connection.key_pair else None
    if validity and validity.tone == "bad":
        return StateView(validity.tone, validity.icon, _("Certificate expired"), validity.reason)
    facts = facts or TokenFacts()
    if failure := _describe_failure(facts):
        return failure
    if validity and validity.problem:
        word = _("Certificate: %(state)s") % {"state": lower_first(validity.word)}
        return StateView(validity.tone, validity.icon, word, validity.reason)
    if facts.obtained_at or facts.run:
        return StateView("ok", "circle-check", _("Working"))
    return StateView("idle", "circle-dashed", _("No token requested yet"))


def _describe_failure(facts: TokenFacts) -> StateView | None:
    """What keeps a token from coming; without that a run that failed since the last one came."""
    if facts.failure:
        diagnosis = find_diagnosis(facts.failure)
        return StateView("bad", "circle-x", _("No token"), str(diagnosis.happened) if diagnosis else facts.failure)
    run = facts.run
    if run is None or run.succeeded or (facts.obtained_at and facts.obtained_at >= run.at):
        return None
    diagnosis = find_diagnosis(run.diagnosis)
    return StateView("bad", "circle-x", _("Last run failed"), str(diagnosis.title) if diagnosis else run.diagnosis)


def describe_key_pair(key_pair: KeyPair, now: datetime) -> Validity:
    if key_pair.archived:
        return Validity("idle", "archive", _("Archived"))
    return describe_validity(key_pair.not_before, key_pair.not_after, now)


def find_diagnosis(code: str) -> Any:
    """Return what a floor above says of a failure (title, happened, cause, action, side): slot `token_diagnosis`."""
    return slots.call("token_diagnosis", code=code) if code else None
