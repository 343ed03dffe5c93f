"""A process that sends or serves never looks again through what it loaded at its start; later cycles are collected."""

import gc
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import signals

from dispatch.garbage import spare_what_stays
from portal.worker_life import start_worker
from tests.processes import manage, portal_environment, run

LOADED = 50_000

COMMAND = """
from django.core.management import call_command
call_command("dispatcher", once=True)
"""
# As gunicorn does in each worker, when it has loaded the portal.
WORKER = """
from portal import {module}
{module}.post_worker_init(None)
"""


@pytest.fixture(autouse=True)
def _collector_as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class Knot:
    def __init__(self) -> None:
        self.itself = self


def test_what_is_loaded_is_spared_and_a_later_cycle_goes() -> None:
    spare_what_stays()
    assert gc.get_freeze_count() > LOADED
    knot = Knot()
    gone = weakref.ref(knot)
    del knot
    gc.collect()
    assert gone() is None


def test_a_worker_spares_it_before_its_first_child(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(receiver() is start_worker for _key, receiver in signals.worker_init.receivers)
    monkeypatch.setattr("portal.worker_life.stop_without_broker", lambda: None)
    monkeypatch.setattr("portal.worker_life.stop_sign.set_up", lambda: None)
    start_worker()
    assert gc.get_freeze_count() > LOADED


@pytest.mark.process
def test_a_dispatcher_spares_it(tmp_path) -> None:
    assert count_spared(COMMAND, tmp_path) > LOADED


@pytest.mark.process
@pytest.mark.parametrize("module", ["gunicorn_web", "gunicorn_downloads"])
def test_what_serves_spares_it(tmp_path, module: str) -> None:
    assert count_spared(WORKER.format(module=module), tmp_path) > LOADED


def count_spared(words: str, home: Path) -> int:
    """Run these words in a portal of their own; return how many objects its collector then leaves alone."""
    env = portal_environment(home, DJANGO_SETTINGS_MODULE="portal.settings")
    migrated = run(*manage("migrate", "--verbosity", "0"), env=env)
    assert migrated.returncode == 0, migrated.stderr
    program = f"import gc, django; django.setup()\n{words}\nprint('spared:', gc.get_freeze_count())"
    done = run(sys.executable, "-c", program, env=env)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.rpartition("spared:")[2])
