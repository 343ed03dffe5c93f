"""Signed download links: they carry the version, the delivery and the end of their life, and need no login (ONS-19)."""

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from catalog.errors import LinkRefused
from catalog.models import Publication
from vault import tokens
from vault.errors import BadToken

PURPOSE = "catalog.download"
_ANY_TOKEN = "token"
# publication, delivery, end of life in seconds since 1970
_PAYLOAD = struct.Struct(">16s16sQ")


@dataclass(frozen=True)
class DownloadGrant:
    """What a link allows: to fetch one version, told apart by the delivery that it was made for."""

    publication_uuid: UUID
    delivery_uuid: UUID
    expires_at: int


def download_url(publication: Publication, *, delivery_uuid: UUID, issued_at: datetime) -> str:
    return build_download_url(publication.uuid, delivery_uuid=delivery_uuid, issued_at=issued_at)


def build_download_url(publication_uuid: UUID, *, delivery_uuid: UUID, issued_at: datetime) -> str:
    """Return the whole address of the file for one delivery, valid PORTAL_DOWNLOAD_LINK_DAYS from `issued_at`."""
    expires_at = issued_at + timedelta(days=settings.PORTAL_DOWNLOAD_LINK_DAYS)
    payload = _PAYLOAD.pack(publication_uuid.bytes, delivery_uuid.bytes, int(expires_at.timestamp()))
    token = tokens.sign(PURPOSE, payload)
    return settings.PORTAL_DOWNLOAD_BASE_URL + _path().replace(_ANY_TOKEN, token)


@cache
def _path() -> str:
    # Resolved once: a claim makes a link for every body it renders.
    return reverse("catalog:download", args=[_ANY_TOKEN])


def read_token(token: str, now: datetime) -> DownloadGrant:
    """Return what `token` allows. Raises LinkRefused: link_invalid for any that we did not sign, link_expired."""
    try:
        payload = tokens.verify(PURPOSE, token)
        publication, delivery, expires_at = _PAYLOAD.unpack(payload)
    except (BadToken, struct.error):
        raise LinkRefused("link_invalid") from None
    if now.timestamp() >= expires_at:
        raise LinkRefused("link_expired")
    return DownloadGrant(UUID(bytes=publication), UUID(bytes=delivery), expires_at)
