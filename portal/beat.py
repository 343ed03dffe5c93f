"""How the beat is told to stop: it leaves where it stands, and writes down what it has to on the way out.

Celery's own handler writes at once, amid whatever the beat was doing. Amid a question to PostgreSQL that waits for a
lock which only the interrupted question can give back, and the beat hangs until it is killed.
"""

from types import FrameType
from typing import Any, NoReturn

from celery.apps.beat import Beat
from celery.platforms import signals


def leave(signal_number: int, frame: FrameType | None) -> NoReturn:
    """Handle SIGTERM or SIGINT. A job may be cut off at any line: its transaction is rolled back, and its next tick
    does it again."""
    raise SystemExit(0)


class SteadyBeat(Beat):
    def install_sync_handler(self, service: Any) -> None:
        """Celery's name for it. `service` writes its schedule when it ends, however it ends."""
        signals.update(SIGTERM=leave, SIGINT=leave)
