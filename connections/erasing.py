"""What is erased of a participant here: connections, certificates with their keys, tokens, runs, and the warnings to
operators of certificates that end. What uses them goes first (webhooks/erasing.py)."""

from django.db import transaction

from access.models import Participant
from connections.models import CachedToken, Connection, ConnectionRun, KeyPair
from connections.notice_kinds import KEY_PAIR_EXPIRING
from notices.models import Notice


def erase_connections(participant: Participant) -> int:
    """Return how many rows went."""
    with transaction.atomic():
        connections = Connection.objects.filter(participant=participant)
        removed = ConnectionRun.objects.filter(connection__in=connections).delete()[0]
        removed += CachedToken.objects.filter(connection__in=connections).delete()[0]
        removed += connections.delete()[0]
        for key_pair in KeyPair.objects.filter(participant=participant):
            removed += Notice.objects.filter(dedupe_key__startswith=f"{KEY_PAIR_EXPIRING}:{key_pair.uuid}:").delete()[0]
        return removed + KeyPair.objects.filter(participant=participant).delete()[0]
