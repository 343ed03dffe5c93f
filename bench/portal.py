"""Our own design: the portal's dispatchers, as `manage.py dispatcher` starts them."""

import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.designs import Running, TablesOfItsOwn
from bench.surroundings import Surroundings, Talker
from tests.processes import manage, portal_environment, started, wait_until

# The publisher doesn't ask to be counted among the dispatchers' statements.
COUNTED = "?options=-c%20pg_stat_statements.track%3Dtop"


@dataclass
class Backlog:
    """What waits: how many deliveries, behind which marks of receiver and tables, and since when it is worked off."""

    count: int
    place: int
    mark: int
    released_at: float = 0.0


class Portal(TablesOfItsOwn):
    """`dispatchers` processes on PostgreSQL; `environment` names settings that differ from the defaults."""

    name = "Gancho"
    events = 400
    mark_sql = "SELECT coalesce(max(id), 0) FROM dispatch_attempt"
    recorded_sql = """
        SELECT 'msg_' || replace(CAST(d.uuid AS text), '-', ''), count(*)
        FROM dispatch_delivery d JOIN dispatch_attempt a ON a.delivery_id = d.id
        WHERE a.id > {since} AND d.state = 'delivered' AND a.outcome NOT IN ('', 'handed_back', 'not_sent') GROUP BY 1
    """
    count_sql = "SELECT count(*) FROM dispatch_attempt WHERE id > {since} AND succeeded"

    def __init__(self, around: Surroundings, *, scale: float = 1.0, dispatchers: int = 2, **environment: str) -> None:
        super().__init__(around, scale=scale)
        self.dispatchers = dispatchers
        self.environment = environment

    def make_home(self) -> None:
        """An empty database, and a folder for files and logs."""
        self.connect(self.around.new_database())
        self.home = Path(self.around.folder, self.database_url.rpartition("/")[2])
        self.home.mkdir()

    def prepare(self, urls: list[str] | None = None) -> None:
        self.make_home()
        self.product = self.set_up(urls or self.receiver.urls)["product"]

    def set_up(self, urls: list[str]) -> dict[str, Any]:
        """Make the tables, and a product with these webhooks."""
        with self.inside() as inside:
            call(inside, "publishing:migrate")
            return call(inside, "publishing:prepare", urls=urls)

    def inside(self) -> Talker:
        """A process with the portal's settings that answers calls."""
        words = (sys.executable, "-m", "bench.inside")
        return Talker(*words, env=self.values(), log=self.home / "inside.log")

    def values(self, options: str = "") -> dict[str, str]:
        return portal_environment(
            self.home,
            self.database_url + options,
            DJANGO_SETTINGS_MODULE="portal.settings",
            **self.environment,
            # Its officer signs in for the pages of the administration.
            PORTAL_STAFF_MFA="false",
        )

    @contextmanager
    def running(self, options: str = "") -> Iterator[Running]:
        with ExitStack() as stack:
            self.connection.execute("DELETE FROM dispatch_dispatcherbeat")
            pids = [
                stack.enter_context(
                    started(*manage("dispatcher"), env=self.values(options), log=self.home / "dispatcher.log")
                ).pid
                for _ in range(self.dispatchers)
            ]
            wait_until(self._all_are_up, within=30, what="the dispatchers")
            yield Running(stack.enter_context(self.inside()), pids)

    def _all_are_up(self) -> bool:
        return bool(self.ask("SELECT count(*) FROM dispatch_dispatcherbeat")[0][0] == self.dispatchers)

    @contextmanager
    def backlog(self, running: Running, events: int) -> Iterator[Backlog]:
        """Publish while the dispatchers stand still; they go on when the block ends."""
        _signal(running, signal.SIGSTOP)
        backlog = Backlog(0, self.receiver.mark(), self.mark())
        try:
            backlog.count = self.publish(running, events)["deliveries"]
            yield backlog
        finally:
            backlog.released_at = time.time()
            _signal(running, signal.SIGCONT)

    def publish(self, running: Running, events: int) -> dict[str, Any]:
        return call(running.publisher, "publishing:publish", product=self.product, events=events)


class PortalOnSqlite(Portal):
    """The single-machine mode: one dispatcher, SQLite."""

    name = "Gancho on SQLite"
    events = 80

    def __init__(self, around: Surroundings, *, scale: float = 1.0) -> None:
        super().__init__(around, scale=scale, dispatchers=1)

    def prepare(self, urls: list[str] | None = None) -> None:
        self.home = Path(self.around.folder, "sqlite")
        self.home.mkdir()
        self.database_url = f"sqlite:///{self.home}/gancho.sqlite3"
        self.product = self.set_up(urls or self.receiver.urls)["product"]
        self.connection: Any = sqlite3.connect(self.home / "gancho.sqlite3", isolation_level=None, timeout=20)

    def ask(self, sql: str) -> list[Any]:
        return list(self.connection.execute(sql).fetchall())


def call(inside: Talker, name: str, /, **arguments: Any) -> dict[str, Any]:
    """Call `module:function` of bench.inside over there; return its answer."""
    return inside.ask(json.dumps({"call": f"bench.inside.{name}", "with": arguments}))


def _signal(running: Running, number: signal.Signals) -> None:
    for pid in running.workers:
        os.kill(pid, number)
