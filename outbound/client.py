"""Sending: one request at a time (`send`), or many at once over kept connections (`Pool`)."""

import os
import time
from collections import deque
from dataclasses import replace
from typing import Any, Final

import pycurl

from outbound import outcomes
from outbound.addresses import check_url
from outbound.ending import HUNG_UP
from outbound.errors import OutboundError, Refused
from outbound.exchange import Exchange, ExchangeSettings
from outbound.job import Job, check_request, header_lines, outcome_of_refusal
from outbound.kept import KeptSockets
from outbound.policy import load_policy
from outbound.resolver import LOOKUP_SECONDS, Answer, get_resolver
from outbound.targets import judge_answer, judge_literal
from outbound.transfer import Request, Result, Timing
from outbound.waiting import Waiter

BODY_SECONDS: Final = 2.0
_KEPT_CONNECTIONS: Final = 4  # for each transfer in flight, so that many receivers keep theirs
_IDLE_SENDERS: Final = 4


class Pool:
    """Many requests in flight at once. Only `wake` may be called by other threads than the one that owns the pool.

        while pool.free: pool.start(request, tag)
        for tag, result in pool.poll(0.5):  # results as they come in; [] after 0.5 s or after a wake()

    A started request always ends in a Result, whatever is wrong with its address, its headers or the receiver.
    """

    def __init__(self, max_in_flight: int, *, keep_connections: bool = True) -> None:
        self._max_in_flight = max_in_flight
        self._keep_connections = keep_connections
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, max_in_flight * _KEPT_CONNECTIONS)
        self._waiter = Waiter(self._multi)
        self._woken = False
        self._spare: list[Exchange] = []
        # A request in flight stands in exactly one of these three.
        self._resolving: dict[int, Job] = {}
        self._running: dict[pycurl.Curl, tuple[Exchange, Job]] = {}
        self._finished: list[tuple[Any, Result]] = []
        self._answers: deque[tuple[Job, Answer]] = deque()
        self._answering: dict[pycurl.Curl, float] = {}
        self._kept = KeptSockets()

    @property
    def in_flight(self) -> int:
        """Requests started whose results `poll` has not handed over yet."""
        return len(self._resolving) + len(self._running) + len(self._finished)

    @property
    def free(self) -> int:
        """How many requests may be started now."""
        return max(0, self._max_in_flight - self.in_flight)

    def start(self, request: Request, tag: Any, *, prompt: bool = False) -> None:
        """Begin a request; its Result comes out of a later `poll` together with the tag. `prompt`: see `press`.

        Raises RuntimeError when the pool is full, ValueError for a request that no setting of a participant explains.
        """
        if not self.free:
            raise RuntimeError("the pool is full")
        check_request(request)
        now, policy = time.monotonic(), load_policy()
        try:
            address = check_url(request.url, policy=policy)
            lines = header_lines(request)
        except OutboundError as refusal:
            self._finished.append((tag, _refused(refusal, now)))
            return
        seconds = policy.deadline_seconds if request.deadline_seconds is None else request.deadline_seconds
        self._resolve(Job(request, tag, address, lines, now, now + seconds, prompt=prompt))

    def poll(self, timeout_seconds: float) -> list[tuple[Any, Result]]:
        """Drive the transfers until some are finished; [] when the time is up or somebody called `wake`."""
        ends_at = time.monotonic() + timeout_seconds
        while True:
            self._begin_resolved()
            now = time.monotonic()
            self._waiter.turn(0.0 if self._finished or self._woken else self._next_moment(ends_at) - now)
            self._collect()
            self._cut_long_answers()
            self._give_up_lookups()
            if self._finished or self._woken or time.monotonic() >= ends_at:
                break
        self._woken = False
        finished, self._finished = self._finished, []
        return finished

    def press(self, timeout_seconds: float) -> None:
        """Drive the transfers until every `prompt` request is on its way, at most so long. For a request that has to
        leave at its time, before its caller turns to something that takes a while. Results wait for `poll`."""
        ends_at = time.monotonic() + timeout_seconds
        while self._unsent() and (left := ends_at - time.monotonic()) > 0:
            self._waiter.turn(left)
            self._begin_resolved()
            self._collect()

    def _unsent(self) -> bool:
        waiting = any(exchange.connecting for exchange, job in self._running.values() if job.prompt)
        return waiting or any(job.prompt for job in self._resolving.values())

    def wake(self) -> None:
        """Make the current or the next `poll` return at once. Any thread and any signal handler may call it."""
        if not self._woken:
            self._woken = True
            self._waiter.wake()

    def close(self) -> None:
        """Hang up on everything still in flight; there will be no results for it."""
        for curl in self._running:
            self._multi.remove_handle(curl)
            curl.close()
        for exchange in self._spare:
            exchange.curl.close()
        self._running.clear()
        self._spare.clear()
        self._resolving.clear()
        self._multi.close()
        self._waiter.close()

    # --- the way of a request: resolve, judge, begin, settle ------------------------------------------------------

    def _resolve(self, job: Job) -> None:
        if job.address.is_literal:
            self._judge(job, None)
            return
        found = get_resolver().ask(job.address.host)
        if isinstance(found, Answer):
            self._judge(job, found)
            return
        self._resolving[id(job)] = job
        found.when_finished(lambda answer: self._hear_answer(job, answer))

    def _hear_answer(self, job: Job, answer: Answer) -> None:
        # In the resolver's thread: only what is safe in any.
        self._answers.append((job, answer))
        self._waiter.wake()

    def _begin_resolved(self) -> None:
        while self._answers:
            job, answer = self._answers.popleft()
            if self._resolving.pop(id(job), None) is not None:
                job.dns_seconds = time.monotonic() - job.started_at
                self._judge(job, answer)

    def _judge(self, job: Job, answer: Answer | None) -> None:
        policy, address = load_policy(), job.address
        try:
            if answer is None:
                job.target = judge_literal(address, policy)
            else:
                job.target = judge_answer(address.host, address.port, answer, policy)
        except Refused as refusal:
            self._finish_unsent(job, refusal.code)
            return
        self._begin(job)

    def _begin(self, job: Job) -> None:
        not_after = job.request.not_after
        if not_after is not None and time.monotonic() > not_after:
            self._finish_unsent(job, outcomes.NOT_STARTED)
            return
        exchange = self._take_exchange(job.request)
        try:
            exchange.prepare(job)
        except pycurl.error:
            # The one setting that libcurl looks into at once is the client certificate.
            exchange.curl.close()
            self._finish_unsent(job, outcomes.CLIENT_CERTIFICATE_UNUSABLE)
            return
        self._multi.add_handle(exchange.curl)
        self._running[exchange.curl] = (exchange, job)

    def _take_exchange(self, request: Request) -> Exchange:
        ca_file = load_policy().ca_file
        special = request.method != "POST" or request.tls is not None or request.inspect_tls
        while self._spare and not special:
            spare = self._spare.pop()
            if spare.ca_file == ca_file:
                return spare
        settings = ExchangeSettings(ca_file=ca_file, special=special, keep_connection=self._keep_connections)
        return Exchange(settings, self._answering, self._kept)

    def _collect(self) -> None:
        while True:
            left, well, failed = self._multi.info_read()
            for curl in well:
                self._settle(curl, 0, "")
            for curl, code, words in failed:
                self._settle(curl, code, words)
            if not left:
                return

    def _settle(self, curl: pycurl.Curl, code: int, words: str) -> None:
        exchange, job = self._running.pop(curl)
        self._answering.pop(curl, None)
        afresh = exchange.may_start_afresh
        if not afresh:
            self._finished.append((job.tag, exchange.result(code, words)))
        self._multi.remove_handle(curl)
        exchange.forget()
        if not exchange.special:
            self._spare.append(exchange)
        if afresh:
            job.fresh = True
            self._begin(job)

    def _finish_unsent(self, job: Job, code: str) -> None:
        result = _unsent(code, job.started_at)
        result.port = job.address.port
        result.timing = replace(result.timing, dns=job.dns_seconds)
        self._finished.append((job.tag, result))

    # --- what has to happen at a certain moment -------------------------------------------------------------------

    def _next_moment(self, ends_at: float) -> float:
        moments = [ends_at, *(_gives_up_at(job) for job in self._resolving.values())]
        if self._answering:
            moments.append(next(iter(self._answering.values())) + BODY_SECONDS)
        return min(moments)

    def _cut_long_answers(self) -> None:
        """Hang up on answers whose headers came BODY_SECONDS ago. The oldest stands first."""
        now = time.monotonic()
        while self._answering:
            curl, answered_at = next(iter(self._answering.items()))
            if answered_at + BODY_SECONDS > now:
                return
            self._settle(curl, HUNG_UP, "")

    def _give_up_lookups(self) -> None:
        now = time.monotonic()
        for key, job in list(self._resolving.items()):
            if _gives_up_at(job) <= now:
                del self._resolving[key]
                job.dns_seconds = now - job.started_at
                self._finish_unsent(job, outcomes.DNS_TIMEOUT)


def send(request: Request) -> Result:
    """Send one request and wait for its result, on a connection of its own. Any thread may call it."""
    try:
        pool = _idle_senders.pop()
    except IndexError:
        pool = Pool(1, keep_connections=False)
    try:
        result = _send_through(pool, request)
    except BaseException:
        pool.close()
        raise
    if len(_idle_senders) < _IDLE_SENDERS:
        _idle_senders.append(pool)
    else:
        pool.close()
    return result


def _send_through(pool: Pool, request: Request) -> Result:
    pool.start(request, None)
    while not (finished := pool.poll(60)):
        pass
    return finished[0][1]


def _gives_up_at(job: Job) -> float:
    return min(job.started_at + LOOKUP_SECONDS, job.deadline_at)


def _unsent(code: str, started_at: float) -> Result:
    return Result(error=code, timing=Timing(total=time.monotonic() - started_at))


def _refused(refusal: OutboundError, started_at: float) -> Result:
    result = _unsent(outcome_of_refusal(refusal), started_at)
    # What is wrong with a text may be told; a refused target is just that, however it was found out.
    result.detail = "" if result.error == outcomes.REFUSED_ADDRESS else refusal.code
    return result


# Idle pools, so that a request doesn't load the authorities again; appending and popping are atomic.
_idle_senders: list[Pool] = []
os.register_at_fork(after_in_child=_idle_senders.clear)
