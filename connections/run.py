"""Obter Credenciais: ask for a token live, with the arguments that somebody gave, and keep what came of it for a day.

It goes through the very code that gets tokens for notifications, past their cache: nothing that is sent afterwards
changes by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from access import audit
from access.actors import Actor
from access.errors import ActionError
from access.models import Participant
from connections.errors import Archived, CannotUse, InvalidConnection
from connections.kinds import registry
from connections.models import Connection, ConnectionRun
from connections.tokens import TokenExchange, obtain_token, source_of
from outbound.trace import describe_unsent

RUNS_PER_MINUTE = 10
KEPT_FOR = timedelta(hours=24)


class TooManyRuns(ActionError):
    def __init__(self) -> None:
        words = _("At most %(limit)s times a minute. Wait a moment and try again.")
        super().__init__("too_many_runs", words % {"limit": RUNS_PER_MINUTE})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run leaves to show: the trace of its exchange, and the life of the token. In `ConnectionRun.steps`."""

    exchange: dict[str, Any]
    obtained_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def private(self) -> bool:
        """Whether the token came from a private network: nobody may look at what it answers."""
        return bool(self.exchange.get("response", {}).get("private"))

    @classmethod
    def of(cls, run: ConnectionRun) -> "Outcome":
        kept = run.steps or {}
        moments = (parse_datetime(kept.get(name) or "") for name in ("obtained_at", "expires_at"))
        return cls(kept.get("exchange") or {}, *moments)

    def as_json(self) -> dict[str, Any]:
        moments = {"obtained_at": self.obtained_at, "expires_at": self.expires_at}
        return {"exchange": self.exchange} | {name: at and at.isoformat() for name, at in moments.items()}


def run_connection(connection: Connection, *, arguments: Mapping[str, Any], by: Actor) -> ConnectionRun:
    """Get one token and return the finished run. `arguments`: values for the fields that its kind asks for.

    Blocks for at most the deadline of a token request and holds no transaction meanwhile. Raises InvalidConnection,
    TooManyRuns, Archived.
    """
    if problems := list(registry.get(connection.kind).argument_problems(arguments)):
        raise InvalidConnection(problems)
    run = _reserve(connection, arguments, by=by)
    return _finish(run, _obtain(connection, arguments))


def reveal_token(run: ConnectionRun, *, by: Actor) -> str:
    """Return the token of a run, and note who saw it; empty when it has none. Raises UnreadableSecret.

    Only for somebody who has just given their password again (access.reauthentication).
    """
    with transaction.atomic():
        connection, after = run.connection, {"run": run.uuid, "at": run.at}
        audit.record(
            by=by,
            action="connections.run.token_shown",
            obj=connection,
            participant=connection.participant,
            after=after,
        )
        return run.token


def _reserve(connection: Connection, arguments: Mapping[str, Any], *, by: Actor) -> ConnectionRun:
    """Write the row before the request: it is counted even if this process dies while it waits."""
    now, participant = timezone.now(), connection.participant
    with transaction.atomic():
        # Runs of one participant queue up here, so that two at once can't both be the tenth.
        Participant.objects.select_for_update(no_key=True).get(pk=participant.pk)
        if not Connection.objects.live().filter(pk=connection.pk).exists():
            raise Archived
        recent = ConnectionRun.objects.filter(connection__participant=participant, at__gt=now - timedelta(minutes=1))
        if recent.count() >= RUNS_PER_MINUTE:
            raise TooManyRuns
        run = ConnectionRun.objects.create(
            connection=connection, by=by.label[:200], at=now, arguments=dict(arguments), purge_at=now + KEPT_FOR
        )
        # Without the arguments: they go with the run, a day later.
        after = {"run": run.uuid, "kind": connection.kind}
        audit.record(by=by, action="connections.connection.run", obj=connection, participant=participant, after=after)
    return run


def _obtain(connection: Connection, arguments: Mapping[str, Any]) -> TokenExchange | str:
    """Return what came of it, or the code of the failure that kept it from being asked for."""
    try:
        source = source_of(connection, arguments=arguments)
    except CannotUse as cannot:
        return cannot.code
    return obtain_token(source)


@sensitive_variables("exchange", "token")
def _finish(run: ConnectionRun, exchange: TokenExchange | str) -> ConnectionRun:
    run.finished_at = timezone.now()
    if isinstance(exchange, str):
        run.diagnosis = exchange
        run.steps = Outcome(describe_unsent(run.connection.token_url, exchange)).as_json()
    else:
        token, failure = exchange.token, exchange.failure
        run.succeeded, run.diagnosis = token is not None, failure.code if failure else ""
        run.response_status = exchange.exchange.get("response", {}).get("status")
        run.steps = Outcome(exchange.exchange).as_json()
        if token:
            outcome = Outcome(exchange.exchange, token.obtained_at, token.expires_at)
            run.token, run.token_type = "" if outcome.private else token.value, token.type[:64]
            run.steps = outcome.as_json()
    with transaction.atomic():
        # Saved only while it is there: its participant may have been erased meanwhile, and saving would insert it.
        if ConnectionRun.objects.select_for_update(no_key=True).filter(pk=run.pk).exists():
            run.save()
    return run
