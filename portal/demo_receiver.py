"""The demo receiver: a participant's system as small as it can be, in a process of its own.

    python -m portal.demo_receiver --port 8001 --record var/received.jsonl

It takes POSTs at any path, downloads the file that the body's `url` names while the request is still open (as ONS's own
Python sample does), appends everything to its record, and answers 200; at /unavailable it answers 503, for a failure
to look at. At /token it gives a token to the demo's client (OAuth 2.0, client credentials), and what lies under
/protected is taken with such a token only. Only for `make run`: it keeps headers as they come, and its secret is known.
"""

import argparse
import base64
import hashlib
import json
import secrets
import threading
import time
import urllib.request  # noqa: TID251 - stands for a participant's system, outside the portal
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LARGEST_BODY = 2**20
LARGEST_RECORD = 20 * 2**20
CLIENT_ID, CLIENT_SECRET = "meridiano-notificador", "demo-client-secret-4b1d"
TOKEN_SECONDS = 600


class Record:
    """The file with one JSON line per request. A second run appends; past 20 MiB it starts anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def append(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, ensure_ascii=False) + "\n"
        with self._lock:
            too_large = self._path.exists() and self._path.stat().st_size > LARGEST_RECORD
            with self._path.open("w" if too_large else "a", encoding="utf-8") as file:
                file.write(text)


class TokenEndpoint:
    """Gives tokens to one client and knows them again, as long as this process lives."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}
        self._lock = threading.Lock()

    def answer(self, authorization: str) -> tuple[int, dict[str, Any]]:
        """Return status and body for a token request with this header (RFC 6749 sections 4.4 and 5.2)."""
        known = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if not secrets.compare_digest(authorization.encode(), f"Basic {known}".encode()):
            return 401, {"error": "invalid_client"}
        token, now = secrets.token_urlsafe(24), time.monotonic()
        with self._lock:
            self._ends = {each: end for each, end in self._ends.items() if end > now} | {token: now + TOKEN_SECONDS}
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}

    def knows(self, authorization: str) -> bool:
        with self._lock:
            return self._ends.get(authorization.removeprefix("Bearer "), 0.0) > time.monotonic()


class Handler(BaseHTTPRequestHandler):
    """One connection of a sender."""

    protocol_version = "HTTP/1.1"
    server_version = "GanchoDemoReceiver"
    sys_version = ""
    timeout = 60
    record: Record
    downloads: str
    tokens: TokenEndpoint

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            self._answer(413, "too large for a demo")
            return
        body = self.rfile.read(length)
        if self.path == "/token":
            status, answer = self.tokens.answer(self.headers.get("Authorization", ""))
            self._answer(status, json.dumps(answer), "application/json")
            return
        status, words = self._judge()
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "path": self.path,
            "headers": [[name, value] for name, value in self.headers.items()],
            "body": body.decode("utf-8", "replace"),
            "status": status,
        }
        if status == 200:
            line |= {"download": self._download(body)}
        self.record.append(line)
        self._answer(status, words)

    def do_GET(self) -> None:
        self._answer(200, "Gancho's demo receiver. It takes POSTs; the portal's page of the demo receiver shows them.")

    def _judge(self) -> tuple[int, str]:
        if self.path.startswith("/unavailable"):
            return 503, "out of order, for demonstration"
        if self.path.startswith("/protected") and not self.tokens.knows(self.headers.get("Authorization", "")):
            return 401, "a token of /token, please"
        return 200, "thank you"

    def _download(self, body: bytes) -> str:
        try:
            url = _find_url(json.loads(body))
        except ValueError:
            return ""
        # Its only errand is the portal's own download address: anything else would make it fetch for strangers.
        if not url.startswith(self.downloads):
            return ""
        try:
            with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310, TID251 - the prefix was checked above
                data = response.read()
        except OSError as error:
            return f"failed: {error}"
        return f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}"

    def _answer(self, status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """The record says it all."""


def _find_url(body: Any) -> str:
    """The link of the three body formats: at the top, or inside Standard Webhooks' `data`."""
    inner = body.get("data", body) if isinstance(body, dict) else {}
    url = inner.get("url", "") if isinstance(inner, dict) else ""
    return url if isinstance(url, str) else ""


def make_server(port: int, *, record: Path, downloads: str) -> ThreadingHTTPServer:
    """Return the server, bound to loopback and not yet serving."""
    shared = {"record": Record(record), "downloads": downloads, "tokens": TokenEndpoint()}
    handler = type("DemoHandler", (Handler,), shared)
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 128
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


def main() -> None:
    parser = argparse.ArgumentParser(description="The demo receiver of `make run`.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--downloads", default="http://127.0.0.1:", help="prefix of the links it may follow")
    arguments = parser.parse_args()
    make_server(arguments.port, record=arguments.record, downloads=arguments.downloads).serve_forever()


if __name__ == "__main__":
    main()
