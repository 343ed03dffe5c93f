from django.utils.translation import gettext_lazy as _

from webhooks.auth.method import AuthMethod


class NoAuthentication(AuthMethod):
    """Nothing is added. The webhook's own headers, and the signature that every notification carries, still are."""

    name = "none"
    label = _("none")
    explanation = _("No credentials are sent. Headers of your own can still be added below.")
    unauthorized_cause = _("The receiver asks for credentials and this webhook sends none of its own.")
    unauthorized_action = _(
        "Choose an authentication type in the webhook's form, or let the receiver accept requests without one."
    )


METHOD = NoAuthentication()
