"""Health pages for whoever watches the installation: is this process alive, and may requests be sent to it.

They tell states and no details: anybody who reaches the portal can read them. The log has the details.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import beats, clock
from vault import sentinel

log = structlog.get_logger(__name__)

OK = "ok"
LATE_AFTER = timedelta(seconds=30)


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """This process answers. It asks nothing of the database: restarting the portal mends no database."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served: database there, migrated, and opened with the keys that it was sealed with.

    A silent dispatcher is told and doesn't count: pages and publishing work without it, and nothing is lost.
    """
    needed = {"database": _check(_database), "migrations": _check(_migrations), "keys": _check(_keys)}
    good = all(state == OK for state in needed.values())
    states = needed | {"dispatcher": _check(_dispatcher)}
    return JsonResponse({"ready": good, "checks": states}, status=200 if good else 503)


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
    return OK if clock.now() - beat_at < LATE_AFTER else "late"
