"""What is erased of a participant here: which products were granted to it. How often a file was fetched is counted by
the uuid of a notification; without the notification that is nobody's."""

from access.models import Participant
from catalog.models import ProductGrant


def erase_grants(participant: Participant) -> int:
    return ProductGrant.objects.filter(participant=participant).delete()[0]
