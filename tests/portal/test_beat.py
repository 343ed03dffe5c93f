"""Stopping the beat: a signal may come amid a question to the database."""

import signal
from collections.abc import Iterator

import pytest
from celery.apps.beat import Beat

from portal.celery import app


class Interrupted:
    """The service of a beat that was amid something: whoever calls it now waits for ever."""

    def sync(self) -> None:
        raise AssertionError("nothing may be written while something else is under way")


@pytest.fixture
def handlers() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_beat_that_is_told_to_stop_leaves_at_once_and_writes_nothing_before(number: signal.Signals) -> None:
    beat = app.Beat()
    assert isinstance(beat, Beat)
    beat.install_sync_handler(Interrupted())
    with pytest.raises(SystemExit) as left:
        signal.raise_signal(number)
    assert left.value.code == 0
