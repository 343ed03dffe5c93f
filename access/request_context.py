"""What the audit trail and the logs know of the request being served, without being passed it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest

# Empty outside a request: commands and jobs.
request_id: ContextVar[str] = ContextVar("request_id", default="")
address: ContextVar[str] = ContextVar("address", default="")


def new_request_id() -> str:
    return uuid4().hex


@contextmanager
def bound(*, request: str, from_address: str) -> Iterator[None]:
    """Bind the request's id and the caller's address for the length of a `with` block."""
    id_token = request_id.set(request)
    address_token = address.set(from_address)
    try:
        yield
    finally:
        address.reset(address_token)
        request_id.reset(id_token)


def client_address(request: HttpRequest) -> str:
    """Return the caller's address: the last one that our own proxies vouch for.

    `PORTAL_PROXY_COUNT` proxies stand in front; each appends the address it was called from to X-Forwarded-For, so the
    caller is that many places from the end. Whatever stands before was typed by the caller and counts for nothing.
    """
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    count = settings.PORTAL_PROXY_COUNT
    if 0 < count <= len(forwarded):
        return forwarded[-count][:64]
    return request.META.get("REMOTE_ADDR", "")[:64]
