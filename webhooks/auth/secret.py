from collections.abc import Iterator, Mapping

from django.utils.translation import gettext_lazy as _

from connections.kinds.field import Field
from webhooks.auth.method import (
    AUTHORIZATION,
    HEADER,
    AuthHeader,
    AuthMethod,
    ReceiverCheck,
    header_name_problems,
    header_value_problems,
)
from webhooks.errors import Problem


class Secret(AuthMethod):
    """The value goes out exactly as it was given, without a scheme before it (UNICO-17, ONS-9), in `Authorization` or
    in another header."""

    name = "secret"
    label = _("Secret or Token")
    explanation = _("The value is sent as it is, in the Authorization header of every notification.")
    fields = (
        Field(
            "secret",
            _("Secret or Token"),
            secret=True,
            max_length=4_096,
            help_text=_("Sent exactly as written, with nothing before it. Write “Bearer …” if the receiver wants it."),
            technical=True,
        ),
        Field(
            "header_name",
            _("Header"),
            required=False,
            default=AUTHORIZATION,
            max_length=64,
            help_text=_("Authorization, unless the receiver looks for the value in another header."),
            technical=True,
        ),
    )
    unauthorized_cause = _("The receiver does not accept the Secret or Token that this webhook sends.")
    unauthorized_action = _(
        "Compare the value and the header's name with what the receiver expects. It is sent exactly as written: "
        "a missing “Bearer ” before it is a frequent cause."
    )

    def problems(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[Problem]:
        yield from super().problems(settings, secrets)
        yield from header_name_problems("header_name", settings.get("header_name") or AUTHORIZATION)
        if value := secrets.get("secret"):
            yield from header_value_problems("secret", value)

    def header_names(self, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        yield settings.get("header_name") or AUTHORIZATION, "header_name"

    def receiver_checks(self, settings: Mapping[str, str], kind: str) -> Iterator[ReceiverCheck]:
        yield ReceiverCheck(HEADER, settings.get("header_name") or AUTHORIZATION)

    def apply(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> tuple[AuthHeader, ...]:
        value = secrets["secret"]
        return (AuthHeader(settings.get("header_name") or AUTHORIZATION, value, (value,)),)


METHOD = Secret()
