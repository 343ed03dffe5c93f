"""Time-based one-time passwords as every authenticator app makes them: RFC 6238 over RFC 4226, SHA-1, 30 s, 6 digits.

allauth's own check says yes or no; the replay rule of RFC 6238 section 5.2 needs to know which step it was.
"""

import hmac
import struct
from base64 import b32decode

STEP_SECONDS = 30
DIGITS = 6
# RFC 6238 section 5.2: one step for the time it takes to type and send, one for a telephone that is slow or fast.
STEPS_ASIDE = 1


def step_at(moment: float) -> int:
    """Return the number of the step at `moment`, in seconds since 1970."""
    return int(moment) // STEP_SECONDS


def code_at(seed: str, step: int) -> str:
    """Return the code of `step`. `seed` is base32, as apps take it."""
    # Apps know no other digest, and a one-time code stands on the key, not on collisions (RFC 4226 appendix B.2).
    digest = hmac.digest(b32decode(seed), struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0x0F
    (number,) = struct.unpack(">I", digest[offset : offset + 4])
    return f"{(number & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}}"


def find_step(seed: str, code: str, *, moment: float) -> int | None:
    """Return the step that `code` belongs to, None when it belongs to none near `moment`."""
    now = step_at(moment)
    steps = range(now - STEPS_ASIDE, now + STEPS_ASIDE + 1)
    # All are looked at, whichever fits: the time it takes says nothing.
    fitting = [step for step in steps if hmac.compare_digest(code_at(seed, step).encode(), code.encode())]
    return fitting[0] if fitting else None
