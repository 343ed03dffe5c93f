"""A file worth fetching, and somebody who looks at pages meanwhile."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from catalog.links import download_url
from tests.factories import make_delivery, make_event, make_publication
from tests.people import make_owner


def prepare(megabytes: int) -> dict[str, Any]:
    """Return the address of a download and the session of a signed-in person."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    publication = make_publication(content=b"hour;price\n" + b"1;7.00\n" * (megabytes * 150_000))
    session = make_owner().client.cookies[settings.SESSION_COOKIE_NAME].value
    delivery = make_delivery(event=make_event(publication=publication))
    url = download_url(publication, delivery_uuid=delivery.uuid, issued_at=timezone.now())
    return {"url": url, "cookie": f"{settings.SESSION_COOKIE_NAME}={session}"}
