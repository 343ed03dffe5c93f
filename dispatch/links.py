"""Whether the download link of a delivery still holds. Asked by the catalogue, which knows no deliveries."""

from uuid import UUID

from dispatch.models import Delivery


def link_holds(delivery_uuid: UUID) -> bool:
    """Whether the delivery is there and its participant is not blocked. Links end before deliveries are purged
    (dispatch.checks), so one without its delivery was made for a participant that was erased. One query."""
    return Delivery.objects.filter(uuid=delivery_uuid, webhook__participant__blocked_at__isnull=True).exists()
