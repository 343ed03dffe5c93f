"""News for the floors above, sent inside the transaction of the change."""

from django.dispatch import Signal

# sender: Webhook; webhook: the row as it now is; created: bool. After every change of a webhook: created, edited,
# stopped, started again, archived, signing secret rotated. Heard by dispatch, which holds or cancels what waits.
webhook_changed = Signal()
