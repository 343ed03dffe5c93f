"""The receiver of the benchmarks: one nginx on 64 ports of loopback that writes a line for each request.

The line is written in the turn of nginx's loop that sends the answer; whoever compares waits until as many are there as
were answered.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import services
from tests.certificates import KeyPair
from tests.processes import started, wait_until

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    log_format bench '$msec $server_port $http_webhook_id';
    access_log {folder}/received.log bench;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_body_buffer_size 16k;
    keepalive_requests 100000000;
    keepalive_timeout 300s;
    server {{
{listens}
{tls}
        location / {{ default_type text/plain; return 200 "ok"; }}
        location = /token {{
            access_log off;
            default_type application/json;
            return 200 '{{"access_token": "{token}", "token_type": "Bearer", "expires_in": 86400}}';
        }}
    }}
}}
"""
# As long as the signed tokens of an authorization server are.
TOKEN = "benchmark." + "0123456789abcdef" * 50
TLS = """
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
"""


class Mismatch(Exception):
    """What the receiver wrote down is not what the tables say. Then no figure is worth anything."""


@dataclass(frozen=True, slots=True)
class Line:
    """One request: when it was answered (Unix time), on which port, with which webhook-id."""

    at: float
    port: str
    webhook_id: str


class Receiver:
    """The running receiver: its addresses, and what it has written since a moment."""

    def __init__(self, record: Path, urls: list[str]) -> None:
        self.record = record
        self.urls = urls

    @property
    def token_url(self) -> str:
        """The token endpoint beside it. Its requests are not written down: they are no deliveries."""
        return self.urls[0].replace("/hook/0", "/token")

    def mark(self) -> int:
        """Return a place in the file; what comes later stands behind it."""
        return self.record.stat().st_size

    def lines(self, since: int = 0) -> list[Line]:
        """Return the requests behind a mark, complete lines only."""
        with self.record.open("rb") as file:
            file.seek(since)
            text, _, _ = file.read().decode().rpartition("\n")
        return [Line(float(at), port, key) for at, port, key in (line.split(" ", 2) for line in text.splitlines())]

    def count(self, since: int = 0) -> int:
        """Return how many requests stand behind a mark."""
        with self.record.open("rb") as file:
            file.seek(since)
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))

    def wait_for(self, count: int, *, since: int, patience: float = 40.0) -> None:
        """Wait until `count` requests came in. Raises Mismatch when none comes for `patience` seconds."""
        seen, place, changed_at = 0, since, time.monotonic()
        while True:
            # Only what is new: reading all of it each time would be a load of its own.
            with self.record.open("rb") as file:
                file.seek(place)
                new = file.read()
            place += len(new)
            seen += new.count(b"\n")
            if seen >= count:
                return
            if new:
                changed_at = time.monotonic()
            elif time.monotonic() - changed_at > patience:
                raise Mismatch(f"the receiver saw {seen} of {count} requests, and no more for {patience:.0f} s")
            time.sleep(0.05)


def compare(received: Counter[str], recorded: Counter[str]) -> None:
    """Raises Mismatch unless both hold the same ids, each as often."""
    if received == recorded:
        return
    missing, extra = recorded - received, received - recorded
    raise Mismatch(
        f"the receiver saw {received.total()} requests, the tables tell of {recorded.total()}: "
        f"{missing.total()} recorded but not received, {extra.total()} received but not recorded "
        f"({', '.join([*missing, *extra][:3])})"
    )


@contextmanager
def running_receiver(folder: Path, *, count: int = 64, pair: KeyPair | None = None) -> Iterator[Receiver]:
    """nginx for the length of the block, installed when need be; with a certificate for 127.0.0.1 and its key, over
    TLS. Raises RuntimeError when it can't be had."""
    program = services.provide_nginx()
    if not program:
        raise RuntimeError("nginx is not here and could not be installed")
    first = services.free_port(count - 1)
    scheme, word = ("https", " ssl") if pair else ("http", "")
    urls = [f"{scheme}://127.0.0.1:{first + number}/hook/{number}" for number in range(count)]
    receiver = Receiver(folder / "received.log", urls)
    listens = "\n".join(f"        listen 127.0.0.1:{first + number}{word} backlog=1024;" for number in range(count))
    configuration = folder / "nginx.conf"
    tls = _write_pair(folder, pair) if pair else ""
    configuration.write_text(CONFIGURATION.format(folder=folder, listens=listens, tls=tls, token=TOKEN))
    words = (program, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log"))
    with started(*words, env={"PATH": os.environ["PATH"]}, log=folder / "nginx.log"):
        wait_until(receiver.record.exists, what="nginx")
        yield receiver


def _write_pair(folder: Path, pair: KeyPair) -> str:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_text(pair.certificate)
    key.write_text(pair.key)
    return TLS.format(certificate=certificate, key=key)


@contextmanager
def running_slow_receiver(folder: Path, name: str, delay_seconds: float) -> Iterator[Receiver]:
    """A receiver that answers after a delay, or with a negative one never."""
    log, record = folder / f"{name}-port.log", folder / f"{name}-received.log"
    record.touch()
    words = (sys.executable, "-m", "bench.slow_receiver", str(record), str(delay_seconds))
    with started(*words, env={"PATH": os.environ["PATH"]}, log=log):
        port = wait_until(lambda: log.read_text().strip(), what="the slow receiver")
        yield Receiver(record, [f"http://127.0.0.1:{port}/hook"])
