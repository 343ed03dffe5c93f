"""The servers of one mode: a database that may be restarted, a broker that may be taken away. Knows nothing of Django,
whose settings are made from what is started here."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import brokers, services


@dataclass
class Surroundings:
    """What a mode has, None for what it has not, and a folder for logs and the oracle's record."""

    mode: str
    folder: Path
    postgres: services.PrivatePostgres | None = None
    redis: brokers.Redis | None = None


@contextmanager
def surroundings(mode: str) -> Iterator[Surroundings]:
    """Start what the mode needs, and name it in the environment for the settings that are made next."""
    with ExitStack() as stack:
        around = Surroundings(mode, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gancho-soak-"))))
        os.environ.pop("DATABASE_URL", None)
        if mode != "sqlite":
            around.postgres = stack.enter_context(_postgres())
            os.environ["DATABASE_URL"] = stack.enter_context(_database(around.postgres))
        if mode == "celery":
            around.redis = stack.enter_context(brokers.Redis())
            os.environ["CELERY_BROKER_URL"] = around.redis.url
        yield around


def _postgres() -> services.PrivatePostgres:
    if not services.find_postgres():
        services.install("postgresql")
    programs = services.find_postgres()
    if programs is None:
        raise SystemExit("PostgreSQL is not here and could not be installed")
    # What was committed must survive the restart of the server; of the machine it need not.
    return services.PrivatePostgres(programs, synchronous_commit="on", full_page_writes="on", autovacuum="on")


@contextmanager
def _database(server: services.PrivatePostgres) -> Iterator[str]:
    with services.fresh_database(server.url) as url:
        yield url
