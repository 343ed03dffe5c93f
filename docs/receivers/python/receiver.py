"""A receiver of notifications with nothing but Python 3.9 or newer.

    WEBHOOK_SECRET=whsec_... python3 receiver.py     checks the signature (Standard Webhooks)
    WEBHOOK_TOKEN=... python3 receiver.py            compares Authorization with the webhook's Secret or Token
    WEBHOOK_ISSUER=https://... WEBHOOK_AUDIENCE=... checks a Bearer token: bearer.py must lie beside this file
    WEBHOOK_CERTIFICATE=certificate.pem             checks signed headers: tags.py must lie beside this file

It takes POSTs at any path of http://127.0.0.1:9000 (PORT); a proxy with https stands in front of it. What it has
processed lies in received/ (FOLDER): <webhook-id>.json, the notification, and <webhook-id>.data, its file.
"""

import base64
import hmac
import json
import os
import re
import shutil
import sys
import time
import traceback
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

SECRET = os.environ.get("WEBHOOK_SECRET", "")
KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
TOKEN = os.environ.get("WEBHOOK_TOKEN", "").encode()
ISSUER = os.environ.get("WEBHOOK_ISSUER", "")
CERTIFICATE = os.environ.get("WEBHOOK_CERTIFICATE", "")
# What believes a request: every one of them must.
CHECKS = []
PORT = int(os.environ.get("PORT", "9000"))
FOLDER = Path(os.environ.get("FOLDER", "received"))

LARGEST_BODY = 1024 * 1024
# A signature older than this may be one that somebody recorded and plays back.
TOLERANCE_SECONDS = 300
# The sender waits 15 s for our answer. What takes longer belongs in a queue of our own, and the answer before it.
DOWNLOAD_SECONDS = 10


class Handler(BaseHTTPRequestHandler):
    timeout = 30

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,9}", length) or int(length) > LARGEST_BODY:
            return self.answer(413, "a body of at most 1 MiB, with its length, please")
        body = self.rfile.read(int(length))
        message_id = self.headers.get("webhook-id", "")
        try:
            if not all(check(self.headers, body) for check in CHECKS):
                return self.answer(401, "who are you?")
            if not re.fullmatch("[A-Za-z0-9_-]{1,100}", message_id):
                return self.answer(400, "no usable webhook-id")
            process(message_id, body)
        except Exception:
            # Anything but 2xx means: not processed, send it again.
            traceback.print_exc()
            return self.answer(500, "not processed")
        return self.answer(204)

    def answer(self, status, text=""):
        self.close_connection = True
        self.send_response(status)
        if text:
            self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text.encode())


def what_was_agreed():
    """The checks by the settings. `body` of each: the bytes as they came, before anything reads them."""
    if TOKEN:
        yield lambda headers, body: hmac.compare_digest(headers.get("Authorization", "").encode(), TOKEN)
    if SECRET:
        yield is_signed
    if ISSUER:
        from bearer import Issuer

        issuer = Issuer(ISSUER, os.environ["WEBHOOK_AUDIENCE"])
        yield lambda headers, body: issuer.vouches_for(headers.get("Authorization", ""))
    if CERTIFICATE:
        from tags import Certificate

        yield Certificate(Path(CERTIFICATE).read_bytes()).vouches_for


def is_signed(headers, body):
    timestamp = headers.get("webhook-timestamp", "")
    if not re.fullmatch("[0-9]{1,12}", timestamp) or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    content = b".".join([headers.get("webhook-id", "").encode(), timestamp.encode(), body])
    expected = b"v1," + base64.b64encode(hmac.digest(KEY, content, "sha256"))
    # While a secret is being replaced there are two signatures, parted by a blank.
    given = headers.get("webhook-signature", "").encode().split()
    return any(hmac.compare_digest(each, expected) for each in given)


def process(message_id, body):
    """Keep the notification and its file. It may come twice, always with the same id: the second time it is done."""
    done = FOLDER / f"{message_id}.json"
    if done.exists():
        return
    content = json.loads(body)
    # The format Standard Webhooks has the same content inside `data`.
    content = content.get("data", content)
    if content.get("url"):
        download(content["url"], FOLDER / f"{message_id}.data")
    # Last of all: this file says that everything before it is done.
    with written_whole(done) as file:
        file.write(body)
    print(f"{message_id}: signature verified: {content.get('Nome') or content.get('nome')}", flush=True)


def download(url, path):
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"not a link to a file: {url}")
    with urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS) as response, written_whole(path) as file:
        shutil.copyfileobj(response, file)
        # urllib takes a connection that broke off for the end of the file.
        expected = response.headers["Content-Length"]
        if expected is not None and file.tell() != int(expected):
            raise OSError(f"{file.tell()} of {expected} bytes came")


@contextmanager
def written_whole(path):
    """A file that has its name only once it is complete."""
    part = path.with_name(f"{uuid4()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    if not (SECRET or TOKEN or ISSUER or CERTIFICATE):
        sys.exit("Set WEBHOOK_SECRET (whsec_...) or WEBHOOK_TOKEN: a receiver that believes everybody helps nobody.")
    if SECRET and len(KEY) < 24:
        sys.exit("WEBHOOK_SECRET is whsec_ and the base64 of at least 24 bytes.")
    CHECKS.extend(what_was_agreed())
    FOLDER.mkdir(parents=True, exist_ok=True)
    print(f"Listening on http://127.0.0.1:{PORT}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
