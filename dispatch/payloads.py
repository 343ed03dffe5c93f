"""The text in which an event's payload is frozen."""

import json
from typing import Any


def dump(payload: dict[str, Any]) -> str:
    """Return `payload` as JSON text in the order of its keys, with every letter as it is."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
