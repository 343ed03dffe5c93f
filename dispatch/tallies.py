"""How many attempts ended how since this portal began: numbers that never go back, though the purge removes rows.

An attempt's row never changes once it is closed, and ids grow with time. So a job counts what lies between the last
counted id and the first attempt still open, adds it to the tallies and moves on; whoever reads adds what lies behind
that. The same run counts by webhook and day (dispatch/days.py) and by minute (dispatch/minutes.py). Nothing is written
while notifications are sent, and no reader counts a whole table.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F, Max, Min

from dispatch import clock
from dispatch.days import add_to_days, note_moment
from dispatch.minutes import add_to_minutes
from dispatch.models import Attempt, Outcome, State, Tally

COUNTED_TO = "attempts.counted_to"
SEEN_TO = "attempts.seen_to"
ATTEMPTS, FAILED = "attempts:", "failed:"
# Most ids that one step of the job, or a reader, goes through. A reader further behind sees the numbers stand still.
STRIDE = 200_000
STEPS_PER_RUN = 5
# By then every lease has run out: an attempt still open was lost, whatever becomes of its delivery.
LOST_AFTER = timedelta(hours=1)

OUTCOMES = ("delivered", "refused", "no_answer", "not_sent", "unknown", "handed_back")

# In one statement, so that a job which moves on at the same moment is seen as a whole or not at all.
READ = """
SELECT name, value FROM dispatch_tally WHERE name LIKE %(attempts)s OR name LIKE %(failed)s
UNION ALL
SELECT CASE WHEN a.succeeded THEN 'attempts:delivered' WHEN a.outcome = 'answered' THEN 'attempts:refused'
            WHEN a.outcome = '' THEN 'attempts:unknown' ELSE 'attempts:' || a.outcome END, COUNT(*)
FROM dispatch_attempt a
WHERE a.id > {since} AND a.id <= {upto} {closed}
GROUP BY 1
UNION ALL
SELECT 'failed:' || d.reason, COUNT(*)
FROM dispatch_attempt a JOIN dispatch_delivery d ON d.id = a.delivery_id AND d.attempts_made = a.number
WHERE a.id > {since} AND a.id <= {upto} AND a.outcome <> '' AND NOT a.succeeded AND d.state = 'failed'
GROUP BY 1
"""
COUNTED = "(SELECT COALESCE(MAX(value), 0) FROM dispatch_tally WHERE name = 'attempts.counted_to')"


def read_totals() -> dict[str, int]:
    """Return the totals by name (`attempts:delivered`, `failed:gone`, ...). One statement."""
    return _query(COUNTED, f"{COUNTED} + {STRIDE}", closed="AND a.outcome <> ''", tallied="%")


def carry_on() -> int:
    """Count the attempts that ended before the last run; return how many ids were passed. Two at once queue up."""
    passed = 0
    for _turn in range(STEPS_PER_RUN):
        step = _step()
        passed += step
        if step < STRIDE:
            break
    return passed


def _step() -> int:
    with transaction.atomic():
        counted_to, seen_to = lock(COUNTED_TO), lock(SEEN_TO)
        upto = _end_of_run(counted_to.value, seen_to.value)
        if upto > counted_to.value:
            add(_query(str(counted_to.value), str(upto), closed="", tallied=""))
            counted = Attempt.objects.filter(pk__gt=counted_to.value, pk__lte=upto)
            add_to_days(counted)
            add_to_minutes(counted)
            note_moment(upto)
        # What was there now is counted next time: a row with a lower id may be on its way into the table.
        _move(seen_to, Attempt.objects.aggregate(newest=Max("pk"))["newest"] or 0)
        passed = upto - counted_to.value
        _move(counted_to, upto)
    return passed


def count_removed(delivery_ids: Iterable[int]) -> None:
    """Count the attempts of these deliveries that no run has passed. Belongs in the transaction that removes them."""
    counted_to = lock(COUNTED_TO)
    rows = Attempt.objects.filter(delivery__in=delivery_ids, pk__gt=counted_to.value)
    totals = Counter(ATTEMPTS + _name(*row) for row in rows.values_list("outcome", "succeeded"))
    ended = rows.filter(succeeded=False, delivery__state=State.FAILED, number=F("delivery__attempts_made"))
    totals.update(FAILED + reason for reason in ended.values_list("delivery__reason", flat=True))
    add(totals)
    add_to_days(rows)
    add_to_minutes(rows)


def add(totals: Mapping[str, int]) -> None:
    """Add to the tallies of these names. Belongs in a transaction."""
    for name, value in sorted(totals.items()):
        tally = lock(name)
        _move(tally, tally.value + value)


def _end_of_run(counted_to: int, seen_to: int) -> int:
    upto = min(seen_to, counted_to + STRIDE)
    young = clock.now() - LOST_AFTER
    still_open = Attempt.objects.filter(pk__gt=counted_to, pk__lte=upto, outcome=Outcome.OPEN, slot_at__gt=young)
    first = still_open.aggregate(first=Min("pk"))["first"]
    return max(counted_to, upto if first is None else first - 1)


def _query(since: str, upto: str, *, closed: str, tallied: str) -> dict[str, int]:
    """`since` and `upto`: numbers, or the statement's own look at the tallies. Names only come from this module."""
    totals: Counter[str] = Counter()
    patterns = {"attempts": ATTEMPTS + tallied, "failed": FAILED + tallied}
    with connection.cursor() as cursor:
        cursor.execute(READ.format(since=since, upto=upto, closed=closed), patterns)
        for name, value in cursor.fetchall():
            totals[name] += value
    return dict(totals)


def _name(outcome: str, succeeded: bool) -> str:
    if succeeded:
        return "delivered"
    return "refused" if outcome == Outcome.ANSWERED else outcome or "unknown"


def lock(name: str) -> Tally:
    """Return the tally of this name, locked, made when there is none. Belongs in a transaction."""
    named = Tally.objects.select_for_update(no_key=True).filter(name=name)
    found = named.first()
    if found is None:
        Tally.objects.bulk_create([Tally(name=name)], ignore_conflicts=True)
        found = named.get()
    return found


def _move(tally: Tally, value: int) -> None:
    tally.value, tally.at = value, clock.now()
    tally.save(update_fields=["value", "at"])
