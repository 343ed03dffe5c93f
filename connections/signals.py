"""News for the floors above, sent inside the transaction of the change."""

from django.dispatch import Signal

# sender: Connection or KeyPair; connections, key_pairs: lists of ids whose credentials, addresses or private authority
# are others from now on; by: Actor. Heard by webhooks, which gives every webhook that uses one of them a new version.
credentials_changed = Signal()
