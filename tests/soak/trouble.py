"""One fault after the other, chosen by the seed: to senders, the database, the broker and the receivers."""

import random
import time
from collections import Counter
from collections.abc import Callable

import psycopg
from django.db import connection, transaction

from dispatch.models import Lane
from tests.dispatch.running import how_many
from tests.processes import Oracle
from tests.soak.fleet import Fleet
from tests.soak.notes import Notes
from tests.soak.surroundings import Surroundings
from tests.soak.world import GATE, SWITCHES

# An outage is shorter than a lease, or what is in flight would rightly be sent again.
LONGEST_OUTAGE = 5.0
STATUSES = (200, 200, 500, 503, 404, 302)


class Trouble:
    """`make()`: one fault and a breath; `end()`: everything is well again. `made` counts them."""

    def __init__(self, around: Surroundings, fleet: Fleet, oracle: Oracle, notes: Notes, rng: random.Random) -> None:
        self.around = around
        self.fleet = fleet
        self.oracle = oracle
        self.notes = notes
        self.rng = rng
        self.made: Counter[str] = Counter()
        self._kinds = self._possible()

    def make(self) -> None:
        time.sleep(self.rng.uniform(1.0, 4.0))
        self._revive()
        [kind] = self.rng.choices(list(self._kinds), weights=list(self._kinds.values()))
        self.made[kind.__name__.strip("_")] += 1
        kind()
        self._revive()

    def _revive(self) -> None:
        ended = self.fleet.revive()
        # One that starts while there is no database rightly ends: whoever watches it starts it again.
        if ended and not self.notes.may_be_refused:
            self.notes.surprises["a sender ended by itself"] += ended

    def end(self) -> None:
        for name in SWITCHES:
            self.oracle.switch(name, 200)
        self.oracle.open_gate(GATE)
        connection.close()

    def _possible(self) -> dict[Callable[[], None], int]:
        kinds = {self._kill: 3, self._restart: 2, self._switch: 4}
        if self.around.postgres:
            kinds |= {self._crash_database: 1, self._restart_database: 1, self._cut_connections: 2, self._upgrade: 1}
        else:
            kinds |= {self._lock_database: 2}
        if self.around.redis:
            kinds |= {self._broker_down: 1, self._broker_flushed: 2, self._broker_silent: 1}
        return kinds

    # --- senders

    def _kill(self) -> None:
        self.fleet.kill(self.rng.randrange(how_many()), self.rng.uniform(0, 3))

    def _restart(self) -> None:
        self.fleet.restart(self.rng.randrange(how_many()), beside=False)

    def _upgrade(self) -> None:
        self.fleet.restart(self.rng.randrange(how_many()), beside=True)

    # --- receivers

    def _switch(self) -> None:
        self.oracle.switch(self.rng.choice(SWITCHES), self.rng.choice(STATUSES))

    # --- the database

    def _crash_database(self) -> None:
        self._away(at_once=True)

    def _restart_database(self) -> None:
        self._away(at_once=False)

    def _away(self, *, at_once: bool) -> None:
        assert self.around.postgres
        connection.close()
        with self.notes.database_in_trouble():
            self.around.postgres.stop(at_once=at_once)
            time.sleep(self.rng.uniform(0, LONGEST_OUTAGE))
            self.around.postgres.start()

    def _cut_connections(self) -> None:
        assert self.around.postgres
        name = connection.settings_dict["NAME"]
        connection.close()
        with self.notes.database_in_trouble(), psycopg.connect(self.around.postgres.url, autocommit=True) as server:
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    def _lock_database(self) -> None:
        # SQLite: whoever writes for long, such as a backup, keeps all others from writing.
        with self.notes.database_in_trouble(), transaction.atomic():
            Lane.objects.update(in_flight_cap=None)
            time.sleep(self.rng.uniform(0, LONGEST_OUTAGE))

    # --- the broker

    def _broker_down(self) -> None:
        assert self.around.redis
        self.around.redis.stop()
        time.sleep(self.rng.uniform(0, LONGEST_OUTAGE))
        self.around.redis.start()

    def _broker_flushed(self) -> None:
        assert self.around.redis
        self.around.redis.flush()

    def _broker_silent(self) -> None:
        assert self.around.redis
        self.around.redis.suspend()
        time.sleep(self.rng.uniform(0, LONGEST_OUTAGE))
        self.around.redis.resume()
