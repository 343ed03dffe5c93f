from django.utils.translation import gettext_lazy as _

from webhooks.auth.method import AuthMethod


class NoAuthentication(AuthMethod):
    """Nothing is added. The webhook's own headers, and the signature that every notification carries, still are."""

    name = "none"
    label = _("none")
    explanation = _("No credentials are sent. Headers of your own can still be added below.")
    unauthorized_cause = _(
        "The receiver does not accept our signature, or it asks for credentials: this webhook sends none of its own."
    )
    unauthorized_action = _(
        "If the receiver asks for credentials, choose an authentication type in the webhook's form."
    )


METHOD = NoAuthentication()
