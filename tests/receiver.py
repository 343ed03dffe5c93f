"""A real HTTP(S) server on loopback whose answers a test writes beforehand, path by path.

    with Receiver() as receiver:
        receiver.answer("/hook", Answer(500), Answer(200))      # one after the other, the last one stays
        ... send something to receiver.url("/hook") ...
        received = receiver.wait_for(2, path="/hook")           # raw headers and raw bytes, in order of arrival

An answer is anything with `give(request, connection)`; the ones below also misbehave: hang, drip, reset, never end.
A path without an answer gets 200 and an empty body.
"""

import gzip
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Received:
    """One request as it came off the wire."""

    method: str
    target: str
    head: bytes
    headers: list[tuple[str, str]]
    body: bytes
    connection: int
    started_at: float
    received_at: float

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def all_of(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of a header that came exactly once; None when it didn't come."""
        values = self.all_of(name)
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None


class Connection:
    """What an answer may do with the wire. Every wait ends when the receiver is closed."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self.sock = sock
        self.closing = closing
        self.keep = True

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait; True when the receiver is being closed and there's no more point in answering."""
        return self.closing.wait(seconds)


class Giver(Protocol):
    def give(self, request: Received, connection: Connection) -> None: ...


@dataclass(frozen=True)
class Answer:
    """A well-behaved answer, after `delay` seconds when asked."""

    status: int = 200
    body: bytes = b""
    headers: Headers = ()
    delay: float = 0.0

    def give(self, request: Received, connection: Connection) -> None:
        if self.delay and connection.wait(self.delay):
            return
        connection.send(head_of(self.status, [*self.headers, ("Content-Length", str(len(self.body)))]) + self.body)


@dataclass(frozen=True)
class Hang:
    """Takes the request and never says a word."""

    def give(self, request: Received, connection: Connection) -> None:
        connection.keep = False
        connection.wait()


@dataclass(frozen=True)
class Drip:
    """One byte at a time: of the whole answer, or of its body only."""

    every: float = 0.05
    body: bytes = b"x" * 1000
    status: int = 200
    head_too: bool = False

    def give(self, request: Received, connection: Connection) -> None:
        head = head_of(self.status, [("Content-Length", str(len(self.body)))])
        drops = head + self.body if self.head_too else self.body
        if not self.head_too:
            connection.send(head)
        for byte in drops:
            if connection.wait(self.every):
                return
            connection.send(bytes([byte]))


@dataclass(frozen=True)
class Reset:
    """Cuts the connection hard (RST), with no answer or after the bytes given."""

    after: bytes = b""

    def give(self, request: Received, connection: Connection) -> None:
        connection.keep = False
        connection.send(self.after)
        # Lingering for no time makes close() send RST instead of FIN.
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@dataclass(frozen=True)
class Endless:
    """A body that goes on until somebody hangs up."""

    status: int = 200
    chunk: bytes = b"z" * 16_384

    def give(self, request: Received, connection: Connection) -> None:
        connection.keep = False
        connection.send(head_of(self.status, [("Connection", "close")]))
        while not connection.closing.is_set():
            connection.send(self.chunk)


@dataclass(frozen=True)
class Raw:
    """These very bytes, then the end of the connection."""

    data: bytes = b"\x00\x01 this is not HTTP \xff\r\n\r\n"

    def give(self, request: Received, connection: Connection) -> None:
        connection.keep = False
        connection.send(self.data)


def gzip_bomb(mebibytes: int = 64) -> Answer:
    """A small body that claims to be gzip and unfolds to `mebibytes` MiB."""
    return Answer(200, gzip.compress(bytes(mebibytes * 2**20), 9), [("Content-Encoding", "gzip")])


@dataclass(frozen=True)
class Call:
    """Answers with what a function of the test makes of the request, while the request is still open."""

    function: Callable[[Received], Giver]

    def give(self, request: Received, connection: Connection) -> None:
        self.function(request).give(request, connection)


def head_of(status: int, headers: Headers) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass
class _Script:
    answers: list[Giver] = field(default_factory=lambda: [Answer()])

    def next(self) -> Giver:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Receiver:
    """The server. `tls` is an ssl context for https; `silent` accepts connections and never reads or speaks."""

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, silent: bool = False, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._tls = tls
        self._silent = silent
        self._host = host
        self._wanted_port = port
        self._scripts: dict[str, _Script] = {}
        self._requests: list[Received] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._streams: list[socket.socket] = []
        self.connections = 0
        self.in_flight = 0
        self.most_in_flight = 0

    def __enter__(self) -> "Receiver":
        self._listener = socket.create_server((self._host, self._wanted_port), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        # shutdown wakes the thread in accept(); close alone wouldn't on Linux.
        with _quiet():
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        # Kept connections are asleep in recv().
        for stream in self._streams:
            with _quiet():
                stream.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)

    def url(self, path: str = "/", host: str | None = None) -> str:
        return f"{'https' if self._tls else 'http'}://{host or self._host}:{self.port}{path}"

    def answer(self, path: str, *answers: Giver) -> None:
        """Script the answers of a path: one after the other, the last one for ever."""
        with self._changed:
            self._scripts[path] = _Script(list(answers))

    def requests(self, path: str | None = None) -> list[Received]:
        with self._changed:
            return [request for request in self._requests if path in (None, request.path)]

    def wait_for(self, count: int, *, path: str | None = None, timeout: float = 5.0) -> list[Received]:
        """Wait until `count` requests have come in; fails when they don't."""
        deadline = time.monotonic() + timeout
        while len(found := self.requests(path)) < count:
            with self._changed:
                self._changed.wait(min(0.05, max(0.0, deadline - time.monotonic())))
            assert time.monotonic() < deadline, f"{len(found)} of {count} requests came in {timeout} s"
        return found

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, sock, self.connections)

    def _serve(self, sock: socket.socket, number: int) -> None:
        # What a client that hangs up does to us here is its own business.
        with _quiet(), sock:
            if self._silent:
                self._closing.wait()
                return
            sock.settimeout(0.2)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = self._secured(sock)
            self._streams.append(stream)
            with stream:
                self._talk(stream, number)

    def _secured(self, sock: socket.socket) -> socket.socket:
        if self._tls is None:
            return sock
        sock.settimeout(10)
        stream = self._tls.wrap_socket(sock, server_side=True)
        stream.settimeout(0.2)
        return stream

    def _talk(self, stream: socket.socket, number: int) -> None:
        connection = Connection(stream, self._closing)
        reader = _Reader(stream, self._closing)
        while connection.keep and (request := reader.request(number)) is not None:
            stream.settimeout(10)
            giver = self._taken(request)
            try:
                giver.give(request, connection)
            finally:
                with self._changed:
                    self.in_flight -= 1
            stream.settimeout(0.2)

    def _taken(self, request: Received) -> Giver:
        with self._changed:
            self._requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self._changed.notify_all()
            return self._scripts.setdefault(request.path, _Script()).next()


class _Reader:
    """Reads requests off one connection, one after the other."""

    def __init__(self, stream: socket.socket, closing: threading.Event) -> None:
        self._stream = stream
        self._closing = closing
        self._buffer = b""

    def request(self, connection: int) -> Received | None:
        if not self._buffer and not self._fill():
            return None
        started = time.monotonic()
        head = self._until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]
        body = self._body({name.lower(): value for name, value in headers})
        return Received(method, target, head, headers, body, connection, started, time.monotonic())

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self._exactly(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self._until(b"\r\n").strip(), 16):
            body += self._exactly(size)
            self._until(b"\r\n")
        self._until(b"\r\n")
        return body

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            if not self._fill():
                raise ConnectionAbortedError("the client went away in the middle of a request")
        found, _, self._buffer = self._buffer.partition(mark)
        return found + mark

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._fill():
                raise ConnectionAbortedError("the client went away in the middle of a body")
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _fill(self) -> bool:
        while not self._closing.is_set():
            try:
                data = self._stream.recv(65_536)
            except TimeoutError:
                continue
            self._buffer += data
            return bool(data)
        return False


@contextmanager
def _quiet() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError):
        return


def closed_port() -> int:
    """A port on loopback where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
