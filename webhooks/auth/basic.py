import base64
import re
from collections.abc import Iterator, Mapping

from django.utils.translation import gettext_lazy as _

from connections.kinds.field import Field
from webhooks.auth.method import (
    AUTHORIZATION,
    BASIC,
    HEADER,
    AuthHeader,
    AuthMethod,
    ReceiverCheck,
    header_name_problems,
    header_value_problems,
)
from webhooks.errors import Problem

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Basic(AuthMethod):
    """User and password as RFC 7617 has it, in UTF-8 (ONS-8); on wish also a token in a header of its own (ONS-9)."""

    name = "basic"
    label = _("Basic: user and password")
    explanation = _("User and password are sent by HTTP Basic in the Authorization header of every notification.")
    fields = (
        Field("username", _("User"), max_length=255),
        Field("password", _("Password"), secret=True, max_length=1_024),
        Field(
            "token",
            _("Token"),
            secret=True,
            required=False,
            max_length=4_096,
            help_text=_("Only if the receiver checks a token besides user and password."),
            technical=True,
        ),
        Field(
            "token_header",
            _("Header of the token"),
            required=False,
            max_length=64,
            help_text=_("Authorization is taken by user and password."),
            technical=True,
        ),
    )
    unauthorized_cause = _("The receiver does not accept the user and password that this webhook sends by HTTP Basic.")
    unauthorized_action = _(
        "Compare user and password with those of the receiver, and check that it expects HTTP Basic and not a token."
    )

    def problems(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[Problem]:
        yield from super().problems(settings, secrets)
        yield from _credential_problems(settings.get("username", ""), secrets.get("password", ""))
        yield from _token_problems(settings.get("token_header", ""), secrets.get("token", ""))

    def header_names(self, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        yield AUTHORIZATION, ""
        if header := settings.get("token_header"):
            yield header, "token_header"

    def receiver_checks(self, settings: Mapping[str, str], kind: str) -> Iterator[ReceiverCheck]:
        yield ReceiverCheck(BASIC)
        if header := settings.get("token_header"):
            yield ReceiverCheck(HEADER, header)

    def apply(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> tuple[AuthHeader, ...]:
        password, token = secrets["password"], secrets.get("token", "")
        encoded = base64.b64encode(f"{settings['username']}:{password}".encode()).decode()
        headers = (AuthHeader(AUTHORIZATION, f"Basic {encoded}", (encoded, password)),)
        return (*headers, AuthHeader(settings["token_header"], token, (token,))) if token else headers


def _credential_problems(username: str, password: str) -> Iterator[Problem]:
    if ":" in username:
        yield Problem("auth.username", "colon", _("A user of HTTP Basic can't contain a colon."))
    for name, value in (("username", username), ("password", password)):
        if _CONTROL.search(value):
            yield Problem(f"auth.{name}", "control_character", _("Line breaks and control characters are not allowed."))


def _token_problems(header: str, token: str) -> Iterator[Problem]:
    if token:
        yield from header_value_problems("token", token)
        if not header:
            yield Problem("auth.token_header", "required", _("Name the header in which the token is to be sent."))
    elif header:
        yield Problem("auth.token", "required", _("Give the token, or leave its header empty too."))
    if header:
        yield from header_name_problems("token_header", header)


METHOD = Basic()
