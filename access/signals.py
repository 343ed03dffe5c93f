"""News that floors above hear. Each is sent inside the transaction of the change."""

from django.dispatch import Signal

# sender: the Participant class. participant: Participant, blocked: bool (its new state).
participant_changed = Signal()
