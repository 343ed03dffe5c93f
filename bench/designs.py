"""The designs that are measured against each other, each with workers, a publisher and tables of its own."""

import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.processor import cpu_seconds
from bench.receiver import Mismatch, Receiver, compare
from bench.surroundings import Surroundings, Talker, plain_environment
from tests.processes import started

# From the last request received to the last row recorded.
PATIENCE_SECONDS = 40.0
WARM_UP_SECONDS = 1.0
PYTHON = sys.executable


@dataclass(frozen=True)
class Run:
    """One measured run. Processor time in seconds: of the workers, of the process that publishes, of PostgreSQL."""

    deliveries: int
    seconds: float
    workers: float
    publisher: float
    postgres: float

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


class Design(ABC):
    """One way to deliver. `events`: how many are published in a run, each to all receivers."""

    name = ""
    events = 0

    def __init__(self, around: Surroundings, *, scale: float = 1.0) -> None:
        self.around = around
        self.receiver = around.receiver
        self.events = max(1, round(self.events * scale))

    @abstractmethod
    def prepare(self) -> None:
        """Once: database and webhooks."""

    @abstractmethod
    def run(self, events: int | None = None) -> Run:
        """Deliver and measure. Raises Mismatch."""

    def received(self, since: int) -> Counter[str]:
        """What the receiver wrote down behind a mark of its own."""
        return self.received_by(self.receiver, since)

    @staticmethod
    def received_by(receiver: Receiver, since: int) -> Counter[str]:
        return Counter(line.webhook_id.replace("-", "") for line in receiver.lines(since))


class DesignWithWorkers(Design):
    """One whose processes deliver what a process of its own publishes, and write it down in tables."""

    def run(self, events: int | None = None) -> Run:
        """Start the processes, warm them up with one event, measure, compare with the receiver. Raises Mismatch."""
        self.around.settle()
        with self.running() as running:
            self.measure(running, 1)
            # Another worker may still be starting.
            time.sleep(WARM_UP_SECONDS)
            return self.measure(running, events or self.events)

    @abstractmethod
    def running(self) -> AbstractContextManager[Running]:
        """The processes, up and idle, for the length of the block."""

    @abstractmethod
    def mark(self) -> int:
        """A place in the tables: what is delivered later stands behind it."""

    @abstractmethod
    def recorded(self, since: int) -> Counter[str]:
        """What the tables say was delivered behind a mark, as the receiver names it, and how often it was sent."""

    def count_recorded(self, since: int) -> int:
        """How many deliveries have ended well behind a mark: cheaper to ask."""
        return self.recorded(since).total()

    def publish(self, running: Running, events: int) -> dict[str, Any]:
        """Publish; return when that began and how many deliveries it made."""
        return running.publisher.ask(str(events))

    def measure(self, running: Running, events: int) -> Run:
        """Publish, wait for the last record, compare. Raises Mismatch."""
        place, mark = self.receiver.mark(), self.mark()
        before = self._meters(running)
        told = self.publish(running, events)
        ended = self.settle(told["deliveries"], place, mark)
        spent = [late - early for early, late in zip(before, self._meters(running), strict=True)]
        return Run(told["deliveries"], ended - told["begun"], *spent)

    def settle(self, count: int, place: int, mark: int) -> float:
        """Wait until `count` deliveries are received and recorded behind the marks; return when. Raises Mismatch."""
        self.receiver.wait_for(count, since=place)
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while self.count_recorded(mark) < count:
            if time.monotonic() > give_up_at:
                raise Mismatch(f"{self.count_recorded(mark)} of {count} recorded within {PATIENCE_SECONDS:.0f} s")
            time.sleep(0.02)
        ended = time.time()
        compare(self.received(place), self.recorded(mark))
        return ended

    def _meters(self, running: Running) -> list[float]:
        publisher = running.publisher.process.pid
        return [cpu_seconds(*running.workers), cpu_seconds(publisher), cpu_seconds(self.around.postgres)]


class TablesOfItsOwn(DesignWithWorkers):
    """A design with a PostgreSQL database. The statements are its own tables' words for: where are we, which and how
    often, and how many."""

    mark_sql = ""
    recorded_sql = ""
    count_sql = ""

    def prepare(self) -> None:
        self.connect(self.around.new_database())

    def connect(self, database_url: str) -> None:
        self.database_url = database_url
        self.connection = psycopg.connect(self.database_url, autocommit=True)

    def ask(self, sql: str) -> list[Any]:
        return self.connection.execute(sql.encode()).fetchall()

    def mark(self) -> int:
        return int(self.ask(self.mark_sql)[0][0])

    def recorded(self, since: int) -> Counter[str]:
        return Counter(dict(self.ask(self.recorded_sql.format(since=since))))

    def count_recorded(self, since: int) -> int:
        return int(self.ask(self.count_sql.format(since=since))[0][0])


class CeleryDesign(TablesOfItsOwn):
    """A baseline: Celery workers of its own module in bench.baselines."""

    module = ""
    settings = ""
    workers: tuple[tuple[str, ...], ...] = ()
    mark_sql = "SELECT coalesce(max(id), 0) FROM baselines_attempt"
    recorded_sql = """
        SELECT 'msg_' || replace(d.uuid::text, '-', ''), count(*)
        FROM baselines_delivery d JOIN baselines_attempt a ON a.delivery_id = d.id
        WHERE a.id > {since} AND d.status = 'delivered' GROUP BY 1
    """
    count_sql = """
        SELECT count(*) FROM baselines_delivery d JOIN baselines_attempt a ON a.delivery_id = d.id
        WHERE a.id > {since} AND d.status = 'delivered'
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
        words = (PYTHON, "-m", "bench.baselines.publisher", self.module, *self.receiver.urls)
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
    mark_sql = "SELECT coalesce(max(id), 0) FROM django_webhook_webhookevent"
    recorded_sql = """
        SELECT split_part(split_part(url, ':', 3), '/', 1), count(*)
        FROM django_webhook_webhookevent WHERE id > {since} AND status = 'SUCCESS' GROUP BY 1
    """
    count_sql = "SELECT count(*) FROM django_webhook_webhookevent WHERE id > {since} AND status = 'SUCCESS'"

    def received(self, since: int) -> Counter[str]:
        return Counter(line.port for line in self.receiver.lines(since))


class Bare(Design):
    """Two processes of pycurl's multi interface that keep nothing but the ids."""

    name = "bare pycurl loop"
    events = 1_000

    def prepare(self) -> None:
        pass

    def run(self, events: int | None = None) -> Run:
        words = (PYTHON, "-m", "bench.baselines.bare", *self.receiver.urls)
        log = self.around.folder / "bare.log"
        with ExitStack() as stack:
            talkers = [stack.enter_context(Talker(*words, env=plain_environment(), log=log)) for _ in range(2)]
            self._send(talkers, len(self.receiver.urls))
            return self._send(talkers, (events or self.events) * len(self.receiver.urls))

    def _send(self, talkers: list[Talker], count: int) -> Run:
        place, before = self.receiver.mark(), cpu_seconds(self.around.postgres)
        for talker in talkers:
            talker.say(str(count // len(talkers)))
        answers = [talker.hear() for talker in talkers]
        sent = Counter(key.replace("-", "") for answer in answers for key in answer["ids"])
        self.receiver.wait_for(sent.total(), since=place)
        compare(self.received(place), sent)
        seconds = max(answer["ended"] for answer in answers) - min(answer["begun"] for answer in answers)
        spent = sum(answer["cpu"] for answer in answers)
        return Run(sent.total(), seconds, spent, 0.0, cpu_seconds(self.around.postgres) - before)
