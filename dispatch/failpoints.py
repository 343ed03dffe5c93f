"""Named places where a test may kill the process, to prove that nothing is lost there.

PORTAL_TEST_FAILPOINT names one; a check refuses it in production. Nothing else in the product reads it.
"""

import os
import signal

BEFORE_POST = "before_post"
IN_FLIGHT = "in_flight"
BEFORE_RECORD = "before_record"
# A token: before it is asked for; once it is kept; once a refused one is dropped; the repeat with a fresh one written
# down as due; that repeat about to be sent; answered.
BEFORE_TOKEN = "before_token"
TOKEN_KEPT = "token_kept"
TOKEN_DROPPED = "token_dropped"
REPEAT_DUE = "repeat_due"
BEFORE_REPEAT = "before_repeat"
REPEAT_ANSWERED = "repeat_answered"
NAMES = (
    BEFORE_POST,
    IN_FLIGHT,
    BEFORE_RECORD,
    BEFORE_TOKEN,
    TOKEN_KEPT,
    TOKEN_DROPPED,
    REPEAT_DUE,
    BEFORE_REPEAT,
    REPEAT_ANSWERED,
)

_wanted = os.environ.get("PORTAL_TEST_FAILPOINT", "")


def reach(name: str) -> None:
    """Kill this process, as `kill -9` would, when `name` is the failpoint asked for."""
    if _wanted == name:
        os.kill(os.getpid(), signal.SIGKILL)
