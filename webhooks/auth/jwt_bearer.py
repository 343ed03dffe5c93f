from django.utils.translation import gettext_lazy as _

from connections.kinds.field import CHOICE, Field
from webhooks.auth.connected import KIND, ConnectionMethod


class JwtBearer(ConnectionMethod):
    """A token from the client's own application: asked for with a signed assertion (RFC 7523), or with a body that
    holds user and password (RFC 7519), and sent as Bearer (UNICO-20 to UNICO-33)."""

    name = "jwt"
    label = _("JWT Bearer")
    explanation = _(
        "A token is obtained by a request of its own and sent as “Bearer” in the Authorization header of every "
        "notification. It is kept and renewed as often as you say."
    )
    area = _("Token request")
    kinds = ("jwt_7523", "jwt_7519")
    kind_field = Field(
        KIND,
        _("Method"),
        CHOICE,
        default="jwt_7523",
        choices=(("jwt_7523", _("RFC 7523: signed request")), ("jwt_7519", _("RFC 7519: user and password"))),
        help_text=_("It decides which of these fields are mandatory."),
    )
    rare = ("issuer", "audience")
    unauthorized_cause = _(
        "The receiver does not accept the token that was obtained for it. A token that is merely out of date is "
        "replaced without your help."
    )
    unauthorized_action = _(
        "Check that the receiver accepts tokens of the address in the token request, and for this Sub."
    )


METHOD = JwtBearer()
