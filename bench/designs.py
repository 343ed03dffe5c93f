"""The designs that are measured against each other, each with workers, a publisher and tables of its own."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.processor import cpu_seconds
from bench.receiver import compare
from bench.surroundings import Surroundings, Talker, plain_environment
from tests.processes import started, wait_until

PATIENCE_SECONDS = 300.0
PYTHON = sys.executable


@dataclass(frozen=True)
class Run:
    """One measured run. Processor time in seconds: of the workers, of the process that publishes, of PostgreSQL."""

    deliveries: int
    seconds: float
    workers: float
    publisher: float
    postgres: float
    sessions: int = 0

    @property
    def rate(self) -> float:
        return self.deliveries / self.seconds

    def each_ms(self, seconds: float) -> float:
        """Milliseconds per delivery."""
        return seconds / self.deliveries * 1000


@dataclass
class Running:
    """A design whose processes are up."""

    publisher: Talker
    workers: list[int]


class Design:
    """One way to deliver. `events`: how many are published in a run, each to all receivers."""

    name = ""
    events = 0

    def __init__(self, around: Surroundings, *, scale: float = 1.0) -> None:
        self.around = around
        self.events = max(1, round(self.events * scale))

    def prepare(self) -> None:
        """Once: database and webhooks."""
        raise NotImplementedError

    def run(self, events: int | None = None) -> Run:
        """Start the processes, warm them up with one event, measure, compare with the receiver. Raises Mismatch."""
        self.around.settle()
        with self.running() as running:
            self._tell(running, 1)
            return self._tell(running, events or self.events)

    @contextmanager
    def running(self) -> Iterator[Running]:
        raise NotImplementedError
        yield

    def recorded(self) -> Counter[str]:
        """What the tables say was delivered, in all runs so far, by what the receiver wrote down of it."""
        raise NotImplementedError

    def count_recorded(self) -> int:
        raise NotImplementedError

    def received(self, since: int) -> Counter[str]:
        return Counter(line.webhook_id for line in self.around.receiver.lines(since))

    def _tell(self, running: Running, events: int) -> Run:
        receiver, postgres = self.around.receiver, self.around.postgres
        before, recorded_before, place = self.recorded(), self.count_recorded(), receiver.mark()
        meters = [cpu_seconds(*running.workers), cpu_seconds(running.publisher.process.pid), cpu_seconds(postgres)]
        told = running.publisher.ask(str(events))
        count = told["deliveries"]
        receiver.wait_for(count, since=place, within=PATIENCE_SECONDS)
        wait_until(
            lambda: self.count_recorded() >= recorded_before + count, within=PATIENCE_SECONDS, what="the last record"
        )
        ended = time.time()
        after = [cpu_seconds(*running.workers), cpu_seconds(running.publisher.process.pid), cpu_seconds(postgres)]
        compare(self.received(place), self.recorded() - before)
        spent = [late - early for early, late in zip(meters, after, strict=True)]
        return Run(count, ended - told["begun"], *spent)


class TablesOfItsOwn(Design):
    """A design with a database. The statements are its own tables' words for: how many, and which."""

    count_sql = ""
    ids_sql = ""

    def prepare(self) -> None:
        self.database_url = self.around.new_database()
        self.connection = psycopg.connect(self.database_url, autocommit=True)

    def ask(self, sql: str) -> list[Any]:
        return self.connection.execute(sql.encode()).fetchall()

    def recorded(self) -> Counter[str]:
        return Counter(dict(self.ask(self.ids_sql)))

    def count_recorded(self) -> int:
        return int(self.ask(self.count_sql)[0][0])


class CeleryDesign(TablesOfItsOwn):
    """A baseline: Celery workers of its own module in bench.baselines."""

    module = ""
    settings = ""
    workers: tuple[tuple[str, ...], ...] = ()
    count_sql = "SELECT count(*) FROM baselines_delivery WHERE status = 'delivered'"
    ids_sql = """
        SELECT 'msg_' || d.uuid, count(*) FROM baselines_delivery d JOIN baselines_attempt a ON a.delivery_id = d.id
        WHERE d.status = 'delivered' GROUP BY 1
    """

    def prepare(self) -> None:
        super().prepare()
        with self._publisher():
            pass

    @contextmanager
    def running(self) -> Iterator[Running]:
        with ExitStack() as stack:
            pids = []
            for number, words in enumerate(self.workers):
                log = self.around.folder / f"{self.module}-{number}.log"
                node = ("-n", f"{self.module}-{number}@%h")
                command = (PYTHON, "-m", "celery", "-A", "bench.baselines.celery_app", "worker", *node, *words)
                pids.append(stack.enter_context(started(*command, env=self._environment(), log=log)).pid)
            yield Running(stack.enter_context(self._publisher()), pids)

    def _publisher(self) -> Talker:
        words = (PYTHON, "-m", "bench.baselines.publisher", self.module, *self.around.receiver.urls)
        return Talker(*words, env=self._environment(), log=self.around.folder / f"{self.module}-publisher.log")

    def _environment(self) -> dict[str, str]:
        return plain_environment(
            DATABASE_URL=self.database_url,
            CELERY_BROKER_URL=self.around.broker_url,
            DJANGO_SETTINGS_MODULE=f"bench.baselines.{self.settings}",
        )


class Naive(CeleryDesign):
    name = "one Celery task per delivery"
    module, settings = "naive", "settings"
    events = 15
    workers = (("-c", "2"),)


class Tuned(CeleryDesign):
    name = "the same, tuned"
    module, settings = "tuned", "tuned_settings"
    events = 30
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    workers = (("-P", "threads", "-c", "8", *quiet),) * 2


class Packaged(CeleryDesign):
    """django-webhook sends no id of its own: it is compared address by address."""

    name = "django-webhook"
    module, settings = "packaged", "packaged_settings"
    events = 15
    workers = (("-c", "2"),)
    count_sql = "SELECT count(*) FROM django_webhook_webhookevent WHERE status = 'SUCCESS'"
    ids_sql = """
        SELECT split_part(split_part(url, ':', 3), '/', 1), count(*)
        FROM django_webhook_webhookevent WHERE status = 'SUCCESS' GROUP BY 1
    """

    def received(self, since: int) -> Counter[str]:
        return Counter(line.port for line in self.around.receiver.lines(since))


class Bare(Design):
    """Two processes of pycurl's multi interface that keep nothing but the ids."""

    name = "bare pycurl loop"
    events = 1_000

    def prepare(self) -> None:
        pass

    def run(self, events: int | None = None) -> Run:
        words = (PYTHON, "-m", "bench.baselines.bare", *self.around.receiver.urls)
        log = self.around.folder / "bare.log"
        with ExitStack() as stack:
            talkers = [stack.enter_context(Talker(*words, env=plain_environment(), log=log)) for _ in range(2)]
            self._send(talkers, len(self.around.receiver.urls))
            return self._send(talkers, (events or self.events) * len(self.around.receiver.urls))

    def _send(self, talkers: list[Talker], count: int) -> Run:
        place, before = self.around.receiver.mark(), cpu_seconds(self.around.postgres)
        for talker in talkers:
            talker.say(str(count // len(talkers)))
        answers = [talker.hear() for talker in talkers]
        sent = Counter(key for answer in answers for key in answer["ids"])
        self.around.receiver.wait_for(sent.total(), since=place, within=PATIENCE_SECONDS)
        compare(self.received(place), sent)
        seconds = max(answer["ended"] for answer in answers) - min(answer["begun"] for answer in answers)
        spent = sum(answer["cpu"] for answer in answers)
        return Run(sent.total(), seconds, spent, 0.0, cpu_seconds(self.around.postgres) - before)
