"""Whether 64 receivers that fetch a file slowly keep a page waiting. Web and downloads as `make run` has them."""

import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bench.frame import Bench, Figure, Goal, number, percentile
from bench.portal import Portal, call
from tests.processes import started, wait_until
from tests.services import free_port

DOWNLOADS, MEGABYTES, REQUESTS = 64, 64, 100
# 64 of them at 40 KB/s each: no file of this size ends while the pages are asked for.
CHUNK, PAUSE_SECONDS = 4_096, 0.1
GUNICORNS = (("web", "portal.wsgi"), ("downloads", "portal.download_wsgi"))


def run(bench: Bench) -> list[Figure]:
    port = free_port(neighbours=2)
    base = {"PORT": str(port), "PORTAL_BASE_URL": f"http://127.0.0.1:{port}"}
    portal = Portal(bench.around, **base, PORTAL_DOWNLOAD_BASE_URL=f"http://127.0.0.1:{port + 2}")
    portal.make_home()
    with portal.inside() as inside:
        made = call(inside, "downloading:prepare", megabytes=bench.share(MEGABYTES))
    with ExitStack() as stack:
        for name, application in GUNICORNS:
            words = (sys.executable, "-m", "gunicorn", "-c", f"python:portal.gunicorn_{name}", application)
            stack.enter_context(started(*words, env=portal.values(), log=portal.home / f"{name}.log"))
        for place in (port, port + 2):
            wait_until(lambda place=place: _is_up(place), within=40, what="gunicorn")
        alone = _time_home(port, made["cookie"])
        with _slow_downloads(made["url"]) as fetched:
            beside = _time_home(port, made["cookie"])
            going = sum(1 for count in fetched.values() if count)
    note = f"{number(percentile(alone, 0.95))} ms without them; bytes flowed on {going} at once, the others waited"
    what = f"{DOWNLOADS} slow downloads going on: home page p95"
    return [Figure(what, percentile(beside, 0.95), "ms", Goal(1_000, 200, most=True), note)]


def _time_home(port: int, cookie: str) -> list[float]:
    """Milliseconds of each of many requests for the home page, one after the other."""
    took = []
    for _ in range(REQUESTS + 1):
        begun = time.perf_counter()
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/", headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 200, f"the home page answered {answer.status}"
        took.append((time.perf_counter() - begun) * 1000)
    return took[1:]


def _is_up(port: int) -> bool:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except OSError:
        return False


@contextmanager
def _slow_downloads(url: str) -> Iterator[dict[int, int]]:
    """Fetch the file that often, slowly, for the length of the block; yields the bytes that each has got."""
    parts, stop = urlsplit(url), threading.Event()
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    fetched: dict[int, int] = {}
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for number_ in range(DOWNLOADS):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)
            sock.connect((parts.hostname, parts.port))
            sock.sendall(request)
            selector.register(sock, selectors.EVENT_READ, number_)
            fetched[number_] = 0
        reader = threading.Thread(target=_read, args=(selector, fetched, stop))
        reader.start()
        try:
            wait_until(lambda: any(fetched.values()), what="the first byte of a download")
            yield fetched
        finally:
            stop.set()
            reader.join()
        assert len(selector.get_map() or ()) == DOWNLOADS, "a download ended too early"


def _read(selector: selectors.BaseSelector, fetched: dict[int, int], stop: threading.Event) -> None:
    while not stop.wait(PAUSE_SECONDS):
        for key, _ in selector.select(0):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            data = sock.recv(CHUNK)
            if not data:
                selector.unregister(sock)
            fetched[key.data] += len(data)
