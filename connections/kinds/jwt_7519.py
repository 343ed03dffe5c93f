"""User and password are exchanged for a JWT (the seed calls it by RFC 7519, which defines the JWT itself)."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from connections.calls import CONTENT_TYPE, TokenCall, base_headers
from connections.errors import Problem
from connections.kinds.bodies import MAX_BODY
from connections.kinds.field import KEY_PAIR, TEXTAREA, Field, can_be_stored
from connections.kinds.jwt_7523 import TOKEN_MINUTES, TOKEN_URL, TokenOfMinutes
from connections.kinds.kind import Draft, headers_field, with_defaults
from connections.source import TokenSource

JSON = "application/json"


class Jwt7519(TokenOfMinutes):
    """UNICO-33: the body is sent as it was typed. A key pair is not needed; with one, the tags of signed headers can be
    used in the notifications."""

    name = "jwt_7519"
    label = _("RFC 7519")
    issued_by_receiver = True
    explanation = _("A user and a password, in the body of the request, are exchanged for a token.")
    fields = (
        TOKEN_URL,
        Field(
            "body",
            _("Body"),
            TEXTAREA,
            secret=True,
            max_length=MAX_BODY,
            help_text=_("A JSON object with a user and a password, sent exactly as written."),
            technical=True,
        ),
        TOKEN_MINUTES,
        Field(
            "key_pair",
            _("Certificate and private key"),
            KEY_PAIR,
            required=False,
            help_text=_("Not needed for the token: tags in the headers of notifications sign with its key."),
        ),
        headers_field(),
    )

    def problems(self, draft: Draft) -> Iterator[Problem]:
        yield from super().problems(draft)
        if body := draft.secrets.get("body", ""):
            yield from _body_problems(body)

    def taken_headers(self, settings: Mapping[str, Any]) -> frozenset[str]:
        return frozenset()

    def token_call(self, source: TokenSource, now: datetime) -> TokenCall:
        return TokenCall(
            url=source.token_url,
            headers=with_defaults(self.own_headers(source), ((CONTENT_TYPE, JSON), *base_headers())),
            body=source.secrets.get("body", "").encode(),
            tls=self.tls(source, certificate=False),
            secret_headers=self.secret_headers(source),
        )


def _body_problems(body: str) -> Iterator[Problem]:
    if len(body) > MAX_BODY:
        return  # told already
    try:
        found = json.loads(body)
        written = json.dumps(found, ensure_ascii=False)
    except (ValueError, RecursionError):
        found, written = None, ""
    if not isinstance(found, dict):
        message = _('This must be a JSON object, such as {"user": "…", "password": "…"}.')
        yield Problem("body", "malformed", message)
        return
    if not can_be_stored(written):
        yield Problem("body", "unprintable", _("Use letters, digits and signs that can be seen."))
        return
    # Whatever their names, in whatever language and at whatever depth: there are no others to go by.
    if sum(1 for _text in _texts_in(found)) < 2:
        yield Problem("body", "user_and_password", _("The object must hold a user and a password."))


def _texts_in(value: Any) -> Iterator[str]:
    """Yield every text and number that is not empty. Without recursion: what could be read may be deep still."""
    found = [value]
    while found:
        value = found.pop()
        if isinstance(value, dict | list):
            found += value.values() if isinstance(value, dict) else value
        elif value is not None and not isinstance(value, bool) and str(value).strip():
            yield str(value)


KIND = Jwt7519()
