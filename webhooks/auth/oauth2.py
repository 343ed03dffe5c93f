from django.utils.translation import gettext_lazy as _

from webhooks.auth.connected import ConnectionMethod


class OAuth2(ConnectionMethod):
    """A token by client credentials (RFC 6749 4.4) from the participant's own token endpoint (CERC-17 to CERC-22)."""

    name = "oauth2"
    label = _("OAuth2")
    explanation = _(
        "A token is obtained at the Token URL with client credentials and sent as “Bearer” in the Authorization header "
        "of every notification. It is kept and renewed before it expires."
    )
    kinds = ("oauth2",)
    rare = ("audience", "assertion_audience", "key_id", "authorization_details", "headers", "body")
    unauthorized_cause = _(
        "The receiver does not accept the token: it expects another issuer, another scope or another audience. A "
        "token that is merely out of date is replaced without your help."
    )
    unauthorized_action = _(
        "Check that the receiver trusts the server of the Token URL, and that it accepts this scope and audience."
    )


METHOD = OAuth2()
