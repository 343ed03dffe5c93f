"""Named places where a test may kill the process, to prove that nothing is lost there.

PORTAL_TEST_FAILPOINT names one; a check refuses it in production. Nothing else in the product reads it.
"""

import os
import signal

BEFORE_POST = "before_post"
IN_FLIGHT = "in_flight"
BEFORE_RECORD = "before_record"
NAMES = (BEFORE_POST, IN_FLIGHT, BEFORE_RECORD)

_wanted = os.environ.get("PORTAL_TEST_FAILPOINT", "")


def reach(name: str) -> None:
    """Kill this process, as `kill -9` would, when `name` is the failpoint asked for."""
    if _wanted == name:
        os.kill(os.getpid(), signal.SIGKILL)
