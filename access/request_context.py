"""What the audit trail and the logs know of the request being served, without being passed it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address
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
    """Return the caller's address: the last one that our own proxies vouch for, empty behind a Unix socket alone.

    `PORTAL_PROXY_COUNT` proxies stand in front; each appends the address it was called from to X-Forwarded-For, so the
    caller is that many places from the end. Whatever stands before was typed by the caller and counts for nothing.
    """
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    count = settings.PORTAL_PROXY_COUNT
    vouched = forwarded[-count] if 0 < count <= len(forwarded) else ""
    return _clean_address(vouched) or _clean_address(request.META.get("REMOTE_ADDR", ""))


def _clean_address(text: str) -> str:
    # Some proxies add the port: 198.51.100.7:4711, [2001:db8::1]:4711.
    with_port = re.fullmatch(r"\[(.+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+", text.strip())
    bare = (with_port[1] or with_port[2]) if with_port else text.strip()
    try:
        return str(ip_address(bare))
    except ValueError:
        return ""
