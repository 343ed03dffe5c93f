"""After an erasure the file of an SQLite database holds nothing of it either: not in free pages, not in its log."""

from pathlib import Path

import pytest

from tests.processes import manage, portal_environment, run

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

SEED = """
from datetime import timedelta
from django.utils import timezone
from access.actions import request_erasure
from access.actors import Actor
from access.models import Erasure
from tests.factories import make_attempt, make_delivery, make_webhook
from tests.people import make_owner
owner = make_owner("Zorgon Energia", "zorgon@example.test")
webhook = make_webhook(participant=owner.participant, description="Zorgon", request_uri="https://zorgon.example/in")
for _ in range(200):
    delivery = make_delivery(webhook=webhook, body=b"to zorgon")
    make_attempt(delivery, response_body="from zorgon " * 100)
request_erasure(owner.participant, reason="contract 12", by=Actor.system("test"))
Erasure.objects.update(requested_at=timezone.now() - timedelta(minutes=2))
print(owner.participant.uuid)
"""


def test_nothing_of_it_is_left_in_the_file(tmp_path: Path) -> None:
    env = portal_environment(tmp_path)
    assert run(*manage("migrate", "-v0"), env=env, timeout=110).returncode == 0
    seeded = run(*manage("shell", "-v0", "-c", SEED), env=env)
    assert seeded.returncode == 0, seeded.stderr
    files = list(tmp_path.glob("gancho.sqlite3*"))
    assert any(b"zorgon" in file.read_bytes().lower() for file in files)
    done = run(*manage("erase_participant", seeded.stdout.strip()), env=env)
    assert done.returncode == 0, done.stderr
    for file in tmp_path.glob("gancho.sqlite3*"):
        assert b"zorgon" not in file.read_bytes().lower(), file.name
