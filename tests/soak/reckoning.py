"""After everything has ended: does what was accepted, attempted, received and marked agree? (safety.md, section 4.)"""

from collections.abc import Callable, Iterator
from typing import Any

from dispatch.models import Attempt, Delivery, ProductStatus
from tests.dispatch.running import answered_well, compare, count_repeats, received_by_id
from tests.processes import Oracle
from tests.soak.fleet import Fleet
from tests.soak.notes import Notes
from tests.soak.world import LIMIT, LIMITED, World

# What a sender says when a mistake of ours cost it something.
BAD_EVENTS = (
    "dispatch.claim_failed", "dispatch.row_set_aside", "dispatch.result_refused", "dispatcher.batch_refused",
    "dispatcher.not_startable", "drain.failed", "drain.not_settled", "dispatch.release_failed", "deadlock detected",
)  # fmt: skip


def reckon(world: World, oracle: Oracle, fleet: Fleet, notes: Notes) -> tuple[dict[str, Any], list[str]]:
    """Return the figures and everything that is wrong."""
    checks: list[Callable[[], Iterator[str]]] = [
        lambda: _oracle_says(oracle, fleet),
        lambda: _was_promised(notes),
        _statuses,
        _rate_limit,
        lambda: _logs(fleet),
        lambda: (f"{count} times: {text}" for text, count in notes.surprises.items()),
    ]
    found = [problem for check in checks for problem in check()]
    return _figures(oracle, fleet, notes), found


def _figures(oracle: Oracle, fleet: Fleet, notes: Notes) -> dict[str, Any]:
    states = Delivery.objects.values_list("state", flat=True)
    count = {state: states.filter(state=state).count() for state in ("delivered", "failed", "cancelled")}
    received = received_by_id(oracle)
    good = [sum(map(answered_well, requests)) for requests in received.values()]
    attempts = Attempt.objects.exclude(outcome="handed_back")
    return {
        "accepted": Delivery.objects.count(),
        "attempted": attempts.count(),
        "received": sum(map(len, received.values())),
        **count,
        "lost attempts (unknown)": attempts.filter(outcome="unknown").count(),
        "handed back": Attempt.objects.filter(outcome="handed_back").count(),
        "late though the receiver was not": _timed_out(),
        "kills": fleet.kills,
        "of these slow to stop": fleet.slow_stops,
        "repeats after success": sum(map(count_repeats, received.values())),
        "duplicates (2xx twice)": sum(number > 1 for number in good),
        "publications": len(notes.published),
        "presses": notes.did["press"] + notes.did["send_all"] + notes.did["resend"],
        "refused without database": notes.did["no database"],
        "slowest deed, s": round(notes.slowest, 2),
        f"{LIMIT + 1} at the limited receiver, s": _rounded(
            _shortest_window([r["at"] for r in oracle.received(LIMITED)])
        ),
    }


def _rounded(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3f}"


def _oracle_says(oracle: Oracle, fleet: Fleet) -> Iterator[str]:
    try:
        compare(oracle, kills=fleet.kills, ends=("delivered", "failed", "cancelled"))
    except AssertionError as error:
        yield f"the oracle: {error}".partition("\n")[0]
    if fleet.slow_stops:
        yield f"{fleet.slow_stops} senders did not stop in good order"


def _was_promised(notes: Notes) -> Iterator[str]:
    """Nobody was told of something that is not there."""
    for publication, promised in notes.published.items():
        there = Delivery.objects.filter(event__publication=publication, cause="automatic").count()
        if there != promised:
            yield f"publication {publication} was said to have {promised} deliveries and has {there}"
    known = set(Delivery.objects.manual().values_list("pk", flat=True))
    automatic = set(Delivery.objects.filter(cause="automatic", pk__in=notes.pressed).values_list("pk", flat=True))
    if lost := notes.pressed - known - automatic:
        yield f"{len(lost)} presses were told of deliveries that are not there: {sorted(lost)[:5]}"
    for batch, created in notes.batches.items():
        there = Delivery.objects.filter(batch=batch).count()
        if there < created:
            yield f"batch {batch} was said to have {created} deliveries and has {there}"


def _statuses() -> Iterator[str]:
    """ONS-15: each status is the newest live delivery that was not cancelled."""
    for status in ProductStatus.objects.select_related("delivery"):
        same = Delivery.objects.filter(webhook=status.webhook_id, subject=status.delivery.subject)
        newest = same.exclude(state="cancelled").order_by("-pk").first()
        if (status.delivery, status.state) != (newest, newest and newest.state):
            yield f"status {status.pk} points to {status.delivery} ({status.state}), the newest is {newest}"


def _rate_limit() -> Iterator[str]:
    """CERC-15: any window holds at most the limit, counted at the start on our side.

    At the receiver a busy machine makes some requests late, and the next ones not: `_shortest_window` is told only.
    """
    limited = Attempt.objects.filter(delivery__webhook__request_uri__endswith=LIMITED)
    slots = [at.timestamp() for at in limited.exclude(outcome="handed_back").values_list("slot_at", flat=True)]
    shortest = _shortest_window(slots)
    if shortest is not None and shortest < 1:
        yield f"{LIMIT + 1} requests within {shortest:.3f} s where {LIMIT} a second are allowed"


def _shortest_window(moments: list[float]) -> float | None:
    """How little time lay between a request and the one LIMIT places later."""
    moments = sorted(moments)
    return min((after - before for before, after in zip(moments, moments[LIMIT:], strict=False)), default=None)


def _timed_out() -> int:
    """Attempts that ended at our deadline though the receiver is one that answers at once."""
    late = Attempt.objects.filter(outcome="no_answer", diagnosis__startswith="timeout")
    return late.filter(delivery__webhook__request_uri__regex=r"/(ok|slow|switch|fail-then-ok)/").count()


def _logs(fleet: Fleet) -> Iterator[str]:
    for path in sorted(fleet.folder.glob("*.log")):
        lines = path.read_text(errors="replace").splitlines()
        for event in BAD_EVENTS:
            if said := [line for line in lines if event in line]:
                yield f"{path.name} says {len(said)} times: {said[0][:300]}"
