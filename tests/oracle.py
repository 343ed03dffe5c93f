"""The oracle: a recording receiver in a process of its own, which knows nothing of the portal.

It appends every request to a file before it answers it, so that after any crash the file says what was really received.
What it answers is decided by the path alone (further segments tell webhooks apart, such as /ok/w7):

    /ok                         200                     /slow/<seconds>             200, later
    /status/<code>              that status             /hang                       nothing, ever
    /retry-after/<value>        429 with that header    /drip/<seconds>             200, a byte at a time
    /redirect/<code>?<target>   3xx to that target      /endless                    200 and a body without end
    /token/<value>              200 only with exactly   /reset                      cut off (RST)
                                that Authorization      /garbage                    something that is not HTTP
    /basic/<user>/<password>    the same for Basic      /gzip-bomb                  a small body that unfolds to 64 MiB
    /fail-then-ok/<n>           500 for the first n requests of one webhook-id, then 200
    /fetch-url                  downloads `url` of the JSON body first: 200 when that worked, else 502
    /gate/<name>                200 once the file <record>.<name>.open exists
    /switch/<name>              the status written in the file <record>.<name>.status, 200 without it
    /issue/<name>               a token as RFC 6749 5.1 has it; what the JSON of the file <record>.<name>.issue says
                                goes before: {"status": ..., "answer": ..., "delay": <seconds>, "hang": true}
    /bearer/<name>              200 only with a token of that name that this process issued, and later than the number
                                in the file <record>.<name>.revoked says

Run it: `python tests/oracle.py --record FILE [--port N]`; it prints its port. Lines of the file, as JSON:
    {"n": 1, "at": <unix seconds>, "connection": 1, "method": ..., "target": ..., "headers": [[name, value], ...],
     "body": <text>, "sha256": <of the raw body>}
    {"answered": 1, "at": ..., "status": 200}            just before the answer is on its way
"""

import argparse
import asyncio
import base64
import gzip
import hashlib
import json
import os
import secrets
import socket
import struct
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote

Reply = tuple[int, list[tuple[str, str]], bytes]


class Record:
    """The file. One write call per line, unbuffered: what was written survives a kill of this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._count = 0

    def received(self, request: dict) -> int:
        self._count += 1
        self._write({"n": self._count, "at": time.time(), **request})
        return self._count

    def answered(self, number: int, status: int | None) -> None:
        self._write({"answered": number, "at": time.time(), "status": status})

    def _write(self, line: dict) -> None:
        os.write(self._descriptor, json.dumps(line, ensure_ascii=False).encode() + b"\n")


class Oracle(asyncio.Protocol):
    """One connection. Requests on it are answered one after the other."""

    connections = 0
    seen: Counter[str] = Counter()
    issued: defaultdict[str, list[str]] = defaultdict(list)

    def __init__(self, record: Record) -> None:
        self._record = record
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        Oracle.connections += 1
        self._number = Oracle.connections

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None:
            self._next()

    def _next(self) -> None:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = [[name, value.strip()] for name, _, value in (line.partition(":") for line in lines)]
        by_name = {name.lower(): value for name, value in headers}
        length = int(by_name.get("content-length", 0))
        if len(rest) < length:
            return
        body, self._buffer = rest[:length], rest[length:]
        method, target, _ = first.split(" ", 2)
        number = self._record.received(
            {
                "connection": self._number,
                "method": method,
                "target": target,
                "headers": headers,
                "body": body.decode("utf-8", "replace"),
                "sha256": hashlib.sha256(body).hexdigest(),
            }
        )
        self._answer(number, Asked(target, by_name, body, self._record.path))

    def _answer(self, number: int, asked: "Asked") -> None:
        if at_once := AT_ONCE.get(asked.word):
            self._reply(number, at_once(asked))
        else:
            self._task = asyncio.get_running_loop().create_task(self._answer_later(number, asked))

    async def _answer_later(self, number: int, asked: "Asked") -> None:
        reply = await LATER.get(asked.word, _unknown)(asked, self._transport)
        self._task = None
        self._reply(number, reply)

    def _reply(self, number: int, reply: Reply | None) -> None:
        self._record.answered(number, reply and reply[0])
        if reply is not None:
            status, headers, body = reply
            lines = [f"HTTP/1.1 {status} Oracle", f"Content-Length: {len(body)}", *(f"{n}: {v}" for n, v in headers)]
            self._transport.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
        if self._buffer:
            self._next()


class Asked:
    """What decides about the answer: the words of the path, the query, two headers, the body."""

    def __init__(self, target: str, headers: dict[str, str], body: bytes, record: Path) -> None:
        path, _, self.query = target.partition("?")
        self.word, *self.arguments = [unquote(part) for part in path.strip("/").split("/")]
        self.headers = headers
        self.body = body
        self._record = record

    def file(self, suffix: str) -> Path:
        return Path(f"{self._record}.{self.arguments[0]}.{suffix}")


def _status(asked: Asked) -> Reply:
    return int(asked.arguments[0]), [], b""


def _retry_after(asked: Asked) -> Reply:
    return 429, [("Retry-After", asked.arguments[0])], b""


def _redirect(asked: Asked) -> Reply:
    return int(asked.arguments[0]), [("Location", unquote(asked.query))], b""


def _token(asked: Asked) -> Reply:
    good = asked.headers.get("authorization") == asked.arguments[0]
    return (200, [], b"") if good else (401, [], b"wrong token")


def _basic(asked: Asked) -> Reply:
    pair = base64.b64encode(":".join(asked.arguments[:2]).encode()).decode()
    good = asked.headers.get("authorization") == f"Basic {pair}"
    return (200, [], b"") if good else (401, [("WWW-Authenticate", "Basic")], b"wrong password")


def _bearer(asked: Asked) -> Reply:
    revoked, name = asked.file("revoked"), asked.arguments[0]
    until = int(revoked.read_text()) if revoked.exists() else 0
    good = Oracle.issued[name][until:]
    if asked.headers.get("authorization", "").removeprefix("Bearer ") in good:
        return 200, [], b""
    return 401, [("WWW-Authenticate", 'Bearer error="invalid_token"')], b"not this token"


def _fail_then_ok(asked: Asked) -> Reply:
    key = asked.headers.get("webhook-id", "")
    Oracle.seen[key] += 1
    return (500, [], b"not yet") if Oracle.seen[key] <= int(asked.arguments[0]) else (200, [], b"")


def _gzip_bomb(asked: Asked) -> Reply:
    return 200, [("Content-Encoding", "gzip")], gzip.compress(bytes(64 * 2**20), 9)


def _switch(asked: Asked) -> Reply:
    file = asked.file("status")
    return int(file.read_text()) if file.exists() else 200, [], b""


async def _unknown(asked: Asked, transport: asyncio.Transport) -> Reply:
    return 404, [], b"the oracle has no such answer"


async def _reset(asked: Asked, transport: asyncio.Transport) -> None:
    # No lingering: close() then sends RST. abort() closes at once, without what is still to be written.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _garbage(asked: Asked, transport: asyncio.Transport) -> None:
    transport.write(b"\x00\x01 this is not HTTP \xff\r\n\r\n")
    transport.close()


async def _slow(asked: Asked, transport: asyncio.Transport) -> Reply:
    await asyncio.sleep(float(asked.arguments[0]))
    return 200, [], b""


async def _hang(asked: Asked, transport: asyncio.Transport) -> None:
    await asyncio.Event().wait()


async def _drip(asked: Asked, transport: asyncio.Transport) -> None:
    transport.write(b"HTTP/1.1 200 Oracle\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        transport.write(b"z")
        await asyncio.sleep(float(asked.arguments[0]))


async def _endless(asked: Asked, transport: asyncio.Transport) -> None:
    transport.write(b"HTTP/1.1 200 Oracle\r\nConnection: close\r\n\r\n")
    while not transport.is_closing():
        if transport.get_write_buffer_size() < 2**20:
            transport.write(b"z" * 16_384)
        await asyncio.sleep(0)


async def _gate(asked: Asked, transport: asyncio.Transport) -> Reply:
    while not asked.file("open").exists():
        await asyncio.sleep(0.01)
    return 200, [], b""


async def _issue(asked: Asked, transport: asyncio.Transport) -> Reply:
    script, name = asked.file("issue"), asked.arguments[0]
    said = json.loads(script.read_text()) if script.exists() else {}
    await asyncio.sleep(said.get("delay", 0))
    if said.get("hang"):
        await asyncio.Event().wait()
    token = f"{name}-{len(Oracle.issued[name]) + 1}-{secrets.token_hex(8)}"
    answer = said.get("answer", {"access_token": token, "token_type": "Bearer", "expires_in": 3600})
    if "answer" not in said:
        Oracle.issued[name].append(token)
    body = answer if isinstance(answer, str) else json.dumps(answer)
    return said.get("status", 200), [("Content-Type", "application/json")], body.encode()


async def _fetch_url(asked: Asked, transport: asyncio.Transport) -> Reply:
    try:
        size, digest = await asyncio.to_thread(_download, json.loads(asked.body)["url"])
    except Exception as error:  # noqa: BLE001 - whatever went wrong is the answer
        return 502, [], f"download failed: {error}".encode()
    return 200, [("X-Downloaded", f"{size} {digest}")], f"{size} {digest}".encode()


def _download(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=10) as response:
        data = response.read()
    return len(data), hashlib.sha256(data).hexdigest()


AT_ONCE: dict[str, Callable[[Asked], Reply]] = {
    "ok": lambda asked: (200, [], b"ok"),
    "status": _status,
    "retry-after": _retry_after,
    "redirect": _redirect,
    "token": _token,
    "basic": _basic,
    "bearer": _bearer,
    "fail-then-ok": _fail_then_ok,
    "gzip-bomb": _gzip_bomb,
    "switch": _switch,
}
LATER: dict[str, Callable[[Asked, asyncio.Transport], Awaitable[Reply | None]]] = {
    "reset": _reset,
    "garbage": _garbage,
    "slow": _slow,
    "hang": _hang,
    "drip": _drip,
    "endless": _endless,
    "gate": _gate,
    "issue": _issue,
    "fetch-url": _fetch_url,
}


async def serve(record: Path, port: int) -> None:
    """Serve until this process is ended."""
    log = Record(record)
    server = await asyncio.get_running_loop().create_server(lambda: Oracle(log), "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - how the test learns the port
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A receiver that records every request before it answers.")
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.record, arguments.port))


if __name__ == "__main__":
    main()
