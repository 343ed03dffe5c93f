"""The download by signed link: no login, no cookie, no session (ONS-19). Served by workers of its own."""

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from access import slots
from catalog.actions import count_download
from catalog.errors import LinkRefused
from catalog.file_answers import answer_file, plain_not_found
from catalog.links import read_token
from catalog.models import Publication


@require_safe
def download(request: HttpRequest, token: str) -> HttpResponseBase:
    try:
        grant = read_token(token, timezone.now())
    except LinkRefused:
        return plain_not_found()
    publication = Publication.objects.published().filter(uuid=grant.publication_uuid).first()
    # A link outlives neither the block of its participant nor the delivery that it was made for.
    if publication is None or slots.call("link_holds", grant.delivery_uuid) is False:
        return plain_not_found()
    answer = answer_file(request, publication)
    if answer.first_byte:
        count_download(publication, delivery_uuid=grant.delivery_uuid)
    return answer.response
