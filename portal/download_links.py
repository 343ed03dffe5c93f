"""Whether the download link of a delivery still holds. Asked by the catalogue, which knows no deliveries.

Also by the download workers, which install no app that knows them: hence the tables by their names.
"""

from uuid import UUID

from django.db import connection

_SQL = """
SELECT 1 FROM dispatch_delivery d
JOIN webhooks_webhook w ON w.id = d.webhook_id
JOIN access_participant p ON p.id = w.participant_id
WHERE d.uuid = %s AND p.blocked_at IS NULL
"""


def link_holds(delivery_uuid: UUID) -> bool:
    """Whether the delivery is there and its participant is not blocked. Links end before deliveries are purged
    (dispatch.checks), so one without its delivery was made for a participant that was erased. One query."""
    native = connection.features.has_native_uuid_field
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [delivery_uuid if native else delivery_uuid.hex])
        return cursor.fetchone() is not None
