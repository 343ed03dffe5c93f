"""A signed assertion is exchanged for a token (RFC 7523 2.1)."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from connections.calls import CONTENT_TYPE, FORM, TokenCall, base_headers
from connections.client_auth.method import key_of
from connections.errors import Problem
from connections.jose import fresh_claims, sign_with_key
from connections.kinds.bodies import EXTRA_BODY, extra_field_problems, extra_fields
from connections.kinds.field import INTEGER, KEY_PAIR, URL, Field
from connections.kinds.kind import Draft, Kind, headers_field, with_defaults
from connections.source import TokenSource

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_ASSERTION_SECONDS = 3_600
MAX_MINUTES = 1_440

TOKEN_URL = Field("token_url", _("URL of the request"), URL, max_length=2_048, technical=True)
TOKEN_MINUTES = Field(
    "token_minutes",
    _("Token expiry time"),
    INTEGER,
    default="60",
    minimum=1,
    maximum=MAX_MINUTES,
    unit="min",
    help_text=_("In minutes. After that a new token is obtained, sooner if the token itself ends sooner."),
)


class TokenOfMinutes(Kind):
    """What both kinds behind "JWT Bearer" share: a token is used for as long as the participant says (UNICO-25)."""

    def longest_life_seconds(self, source: TokenSource) -> int | None:
        return minutes_of(source) * 60


class Jwt7523(TokenOfMinutes):
    """UNICO-26 to 32: claims sub and ver, signed with the uploaded certificate's key."""

    name = "jwt_7523"
    label = _("RFC 7523")
    explanation = _("A request signed with the private key is exchanged for a token.")
    fields = (
        TOKEN_URL,
        Field(
            "key_pair",
            _("Certificate and private key"),
            KEY_PAIR,
            help_text=_("The token request is signed with its key."),
        ),
        TOKEN_MINUTES,
        Field(
            "sub",
            _("Sub"),
            max_length=255,
            help_text=_("The identifier by which your authorization server knows us (claim “sub”)."),
            technical=True,
        ),
        Field(
            "ver",
            _("Ver"),
            max_length=64,
            help_text=_("The version that your authorization server expects, such as 1 (claim “ver”)."),
            technical=True,
        ),
        Field(
            "issuer",
            _("Issuer (iss)"),
            required=False,
            max_length=255,
            help_text=_("The value of Sub, unless the server expects another."),
            technical=True,
        ),
        Field(
            "audience",
            _("Audience (aud)"),
            required=False,
            max_length=500,
            help_text=_("The URL of the request, unless the server expects another value."),
            technical=True,
        ),
        headers_field(),
        EXTRA_BODY,
    )

    def problems(self, draft: Draft) -> Iterator[Problem]:
        yield from super().problems(draft)
        yield from extra_field_problems("body", draft.secrets.get("body", ""))

    def token_call(self, source: TokenSource, now: datetime) -> TokenCall:
        assertion = self.assertion(source, now)
        return TokenCall(
            url=source.token_url,
            headers=with_defaults(self.own_headers(source), ((CONTENT_TYPE, FORM), *base_headers())),
            grant_type=GRANT,
            form=(("assertion", assertion), *extra_fields(source.secrets.get("body", ""))),
            tls=self.tls(source, certificate=False),
            secrets=(assertion,),
            secret_headers=self.secret_headers(source),
        )

    def assertion(self, source: TokenSource, now: datetime) -> str:
        """Return the signed request, good for one use within the token's own time, an hour at most."""
        settings, seconds = source.settings, min(minutes_of(source) * 60, MAX_ASSERTION_SECONDS)
        claims = {
            "iss": settings.get("issuer") or settings.get("sub", ""),
            "sub": settings.get("sub", ""),
            "aud": settings.get("audience") or source.token_url,
            "ver": settings.get("ver", ""),
        }
        return sign_with_key(key_of(source), claims | fresh_claims(now, seconds=seconds))


def minutes_of(source: TokenSource) -> int:
    return int(source.settings.get("token_minutes") or TOKEN_MINUTES.default)


KIND = Jwt7523()
