"""Guesses are counted for the installation, not for each process: several at once get no more of them than one."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, manage, portal_environment, run

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]
PROCESSES = 3
ALLOWED = 5
EMAIL = "ana@vento.test"
MAKE_ANA = f"""
from access.models import User
from access.actors import Actor
from access.mfa import actions
ana = User.objects.create_user({EMAIL!r}, "a-good-long-password", name="Ana")
actions.enable_mfa(ana, seed=actions.make_seed(), step=1, by=Actor.for_self(ana))
"""


@pytest.fixture(params=["sqlite", "postgres"])
def environment(request: Any, tmp_path: Path) -> dict[str, str]:
    url = request.getfixturevalue("postgres_database") if request.param == "postgres" else ""
    env = portal_environment(tmp_path, url, EMAIL_URL="memorymail://", DJANGO_SETTINGS_MODULE="portal.settings")
    prepared = (manage("migrate", "-v0"), manage("collectstatic", "-v0", "--no-input"), manage("shell", "-c", MAKE_ANA))
    for words in prepared:
        made = run(*words, env=env)
        assert made.returncode == 0, made.stderr
    return env


def guess_together(kind: str, env: dict[str, str]) -> Counter[str]:
    """What several processes are answered that begin together and guess as often as one may, each."""
    words = [sys.executable, "-m", "tests.access.guesser", kind, EMAIL, str(ALLOWED)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(words, cwd=ROOT, env=env, **pipes) for _ in range(PROCESSES)]
    try:
        for process in running:
            assert process.stdout.readline() == "ready\n", process.communicate(timeout=10)[1]
        answers: Counter[str] = Counter()
        for process in running:
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in running:
            told, complaint = process.communicate(timeout=60)
            assert process.returncode == 0, complaint
            answers.update(json.loads(told))
        return answers
    finally:
        for process in running:
            process.kill()
            process.wait(10)


@pytest.mark.parametrize(
    ("kind", "wrong", "stopped"),
    [
        ("password", "email_password_mismatch", "too_many_login_attempts"),
        ("code", "incorrect_code", "too_many_attempts"),
    ],
)
def test_processes_that_guess_together_share_one_count(
    environment: dict[str, str], kind: str, wrong: str, stopped: str
) -> None:
    answers = guess_together(kind, environment)
    assert answers == {wrong: ALLOWED, stopped: (PROCESSES - 1) * ALLOWED}
