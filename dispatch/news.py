"""What the record of results has to say to others: plain data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LaneChange:
    """A webhook's trouble began to be told of, or is over.

    "exhausted": a delivery ended after its last attempt, and the lane had no `trouble_told_at`. "recovered": a delivery
    got through, and it had one. `diagnosis`: the code of the attempt that failed last, of webhooks.diagnosis.
    """

    webhook_id: int
    kind: Literal["exhausted", "recovered"]
    diagnosis: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery that came to its end by an attempt: delivered or failed."""

    delivery_id: int
    webhook_id: int
    state: str
    reason: str
