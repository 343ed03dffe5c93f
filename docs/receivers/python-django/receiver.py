"""A receiver of notifications in Django (4.2 or newer), in one file. In your project only the view and what it calls
are needed, and its line in urls.py.

    WEBHOOK_SECRET=whsec_... python3 receiver.py   checks the signature (Standard Webhooks)
    WEBHOOK_TOKEN=... python3 receiver.py          compares the Authorization header with the webhook's Secret or Token

It takes POSTs at any path of http://127.0.0.1:9000 (PORT); a proxy with https stands in front of it. What it has
processed lies in received/ (FOLDER): <webhook-id>.json, the notification, and <webhook-id>.data, its file.
"""

import base64
import hmac
import json
import logging
import os
import re
import shutil
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

logger = logging.getLogger("receiver")

# In a project these stand in settings.py.
WEBHOOK_SECRET = os.environ.get("WEBHOOK_SECRET", "")
WEBHOOK_KEY = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
WEBHOOK_TOKEN = os.environ.get("WEBHOOK_TOKEN", "")
FOLDER = Path(os.environ.get("FOLDER", "received"))

# A signature older than this may be one that somebody recorded and plays back.
TOLERANCE_SECONDS = 300
# The sender waits 15 s for our answer. What takes longer belongs in a queue of our own, and the answer before it.
DOWNLOAD_SECONDS = 10


# The sender has no session and no CSRF token: the signature or the token says who it is.
@csrf_exempt
@require_POST
def receive(request):
    # request.body are the bytes as they came; after request.POST or a parser they may be gone.
    if not is_genuine(request.headers, request.body):
        return HttpResponse("who are you?", status=401)
    message_id = request.headers.get("webhook-id", "")
    if not re.fullmatch("[A-Za-z0-9_-]{1,100}", message_id):
        return HttpResponse("no usable webhook-id", status=400)
    try:
        process(message_id, request.body)
    except Exception:
        # Anything but 2xx means: not processed, send it again.
        logger.exception("%s was not processed", message_id)
        return HttpResponse("not processed", status=500)
    return HttpResponse(status=204)


def is_genuine(headers, body):
    if WEBHOOK_TOKEN and not is_equal(headers.get("Authorization", ""), WEBHOOK_TOKEN):
        return False
    return not WEBHOOK_SECRET or is_signed(headers, body)


def is_signed(headers, body):
    timestamp = headers.get("webhook-timestamp", "")
    if not re.fullmatch("[0-9]{1,12}", timestamp) or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    content = f"{headers.get('webhook-id', '')}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(WEBHOOK_KEY, content, "sha256")).decode()
    # While a secret is being replaced there are two signatures, parted by a blank.
    return any(is_equal(given, expected) for given in headers.get("webhook-signature", "").split())


def is_equal(given, wanted):
    return hmac.compare_digest(given.encode(), wanted.encode())


def process(message_id, body):
    """Keep the notification and its file. It may come twice, always with the same id: the second time it is done.

    In a project: a row with a unique webhook_id, written in the transaction that does the work.
    """
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
    logger.info("%s: signature verified: %s", message_id, content.get("Nome") or content.get("nome"))


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


urlpatterns = [re_path("", receive)]

if __name__ == "__main__":
    if not (WEBHOOK_SECRET or WEBHOOK_TOKEN):
        sys.exit("Set WEBHOOK_SECRET (whsec_...) or WEBHOOK_TOKEN: a receiver that believes everybody helps nobody.")
    if WEBHOOK_SECRET and len(WEBHOOK_KEY) < 24:
        sys.exit("WEBHOOK_SECRET is whsec_ and the base64 of at least 24 bytes.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO)
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1", "localhost"], SECRET_KEY=uuid4().hex)
    # Django's server for development: in production the view runs in your project, under gunicorn or its like.
    execute_from_command_line(["receiver.py", "runserver", "--noreload", os.environ.get("PORT", "9000")])
