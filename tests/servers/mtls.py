"""nginx as a receiver that lets nobody in without a client certificate of its authority (ssl_verify_client on)."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import services
from tests.certificates import Authority
from tests.processes import started, wait_until

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 64; }}
http {{
    log_format told '$status $ssl_client_verify $ssl_client_fingerprint $http_webhook_id';
    access_log {folder}/access.log told;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.pem;
        ssl_client_certificate {folder}/clients.pem;
        ssl_verify_client on;
        location / {{ return 204; }}
    }}
}}
"""


@dataclass(frozen=True)
class Line:
    """One request: what was answered, what nginx thought of the certificate (SUCCESS, NONE, FAILED:why), whose it was
    (SHA-1 of it), and the webhook-id."""

    status: int
    verified: str
    fingerprint: str
    webhook_id: str


@dataclass(frozen=True)
class Nginx:
    """The running receiver. `authority` signs what it accepts and is what clients must trust."""

    port: int
    folder: Path
    authority: Authority

    def url(self, path: str = "/hook") -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    def lines(self) -> list[Line]:
        """The requests so far."""
        text, _, _ = (self.folder / "access.log").read_text().rpartition("\n")
        # What nginx says of a failed certificate has blanks in it.
        found = [(line.split(" ", 1)[0], line.split(" ", 1)[1].rsplit(" ", 2)) for line in text.splitlines()]
        return [Line(int(status), *rest) for status, rest in found]

    def lines_after(self, before: int, count: int = 1) -> list[Line]:
        """What came since there were `before` lines, once it is `count` of them: nginx writes after it has answered."""
        wait_until(lambda: len(self.lines()) >= before + count, what=f"{count} lines of nginx")
        return self.lines()[before:]


@contextmanager
def running_nginx(folder: Path) -> Iterator[Nginx]:
    """nginx for the length of the block; skips, or in CI fails, where it can't be had."""
    program = services.provide_nginx() or services.miss("nginx")
    server = Nginx(services.free_port(), folder, Authority("Receivers CA"))
    (folder / "server.pem").write_text(server.authority.issue("127.0.0.1").pem)
    (folder / "clients.pem").write_text(server.authority.pem)
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=server.port))
    words = (program, "-p", str(folder), "-c", str(folder / "nginx.conf"))
    with started(*words, env={"PATH": os.environ["PATH"]}, log=folder / "nginx.log") as process:

        def listens() -> bool:
            assert process.poll() is None, (folder / "nginx.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
            except OSError:
                return False
            return True

        wait_until(listens, within=20, what="nginx")
        yield server
