"""Health pages for whoever watches the installation: is this process alive, may requests be sent to it, and are
notifications going out.

They tell states and no details: anybody who reaches the portal can read them. The log and the metrics have the details.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import backlog, beats, clock
from dispatch.watching import find_oldest_neglected
from portal import job_runs
from vault import sentinel

log = structlog.get_logger(__name__)

OK = "ok"
LATE_AFTER = timedelta(seconds=30)
# The shortest job runs every 15 s; one paused leaves others that run each minute.
JOBS_SILENT_AFTER = timedelta(seconds=90)
ASK_AGAIN_SECONDS = 10.0


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """This process answers. It asks nothing of the database: restarting the portal mends no database."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served: database there, migrated, and opened with the keys that it was sealed with.

    For load balancers. Whether notifications go out is told and doesn't count: pages and publishing work without a
    dispatcher, nothing is lost, and no web server is to be taken away because of one.
    """
    needed = {"database": _check(_database), "migrations": _check(_migrations), "keys": _check(_keys)}
    good = all(state == OK for state in needed.values())
    return JsonResponse({"ready": good, "checks": needed | _look_at_sending()}, status=200 if good else 503)


@require_safe
@never_cache
def delivering(request: HttpRequest) -> JsonResponse:
    """200 while notifications go out in time; 503 is for waking somebody up, not for a load balancer."""
    checks = {"database": _check(_database)} | _look_at_sending()
    good = checks["database"] == OK and not set(checks.values()) & NOT_DELIVERING
    return JsonResponse({"delivering": good, "checks": checks}, status=200 if good else 503)


# "late" of a dispatcher is half-way to silence; "slow" are receivers that fail or hold us up.
NOT_DELIVERING = {"none", "silent", "overdue", "unreachable"}


def _look_at_sending() -> dict[str, str]:
    return {"dispatcher": _check(_dispatcher), "due": _check(_due), "jobs": _check(_jobs)}


def _check(look: Callable[[], str]) -> str:
    try:
        return look()
    except DatabaseError:
        log.exception("health check failed", check=look.__name__.strip("_"))
        return "unreachable"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


def _migrations() -> str:
    if not _migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "pending"
        _migrated.append(True)
    return OK


# Reading all migration files takes long, and what has been applied stays so for the life of this process.
_migrated: list[bool] = []


def _keys() -> str:
    problems = sentinel.check()
    for problem in problems:
        log.error("data keys", problem=problem)
    return "wrong" if problems else OK


def _dispatcher() -> str:
    beat_at = beats.last_beat_at()
    if beat_at is None:
        return "none"
    silence = clock.now() - beat_at
    if silence >= beats.SILENT_AFTER:
        return "silent"
    return OK if silence < LATE_AFTER else "late"


def _due() -> str:
    now, patience = clock.now(), timedelta(seconds=settings.PORTAL_READY_OLDEST_DUE_SECONDS)
    oldest = backlog.oldest_due_at(now)
    if oldest is None or now - oldest <= patience:
        return OK
    # Only now the dear question: is it the sending that is late, or a receiver that can't take more?
    if time.monotonic() - _overdue.asked_at > ASK_AGAIN_SECONDS:
        _overdue.asked_at = time.monotonic()
        _overdue.answer = find_oldest_neglected(now, now - patience) is not None
    return "overdue" if _overdue.answer else "slow"


@dataclass
class _Asked:
    """The last answer of this process: it looks at every lane, and this page is for anybody."""

    answer: bool = False
    asked_at: float = -math.inf


_overdue = _Asked()


def _jobs() -> str:
    run_at = job_runs.last_run_at()
    if run_at is None:
        return "none"
    # Both ways: a run noted by a clock that has been set back since tells nothing of now.
    return OK if abs(clock.now() - run_at) < JOBS_SILENT_AFTER else "silent"
