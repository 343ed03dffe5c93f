"""The headers that safety.md asks of every page."""

from typing import Any

POLICY = {
    *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'"),
    *("connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
}
FILE_POLICY = {"default-src 'none'", "sandbox"}
FILES = ("catalog:download", "catalog:publication-file")


def policy_of(response: Any) -> set[str]:
    return set(response.get("Content-Security-Policy", "").split("; "))
