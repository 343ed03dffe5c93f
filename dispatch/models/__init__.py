"""What dispatch keeps: events, their deliveries, every attempt, and what the claims need to be fair."""

from dispatch.models.attempts import Attempt, Outcome
from dispatch.models.deliveries import Cause, Delivery, Reason, State
from dispatch.models.events import Event, Mode
from dispatch.models.lanes import DispatcherBeat, Lane, ProductStatus, SendBatch
from dispatch.models.tallies import AttemptMinute, Tally, WebhookDay

__all__ = [
    "Attempt",
    "AttemptMinute",
    "Cause",
    "Delivery",
    "DispatcherBeat",
    "Event",
    "Lane",
    "Mode",
    "Outcome",
    "ProductStatus",
    "Reason",
    "SendBatch",
    "State",
    "Tally",
    "WebhookDay",
]
