"""What kept us from sending, or from knowing, before any answer: configuration, content, a lost worker."""

from django.utils.translation import gettext_lazy as _

from webhooks.diagnosis.entry import Diagnosis, Side

OURS = (
    Diagnosis(
        "secret_unreadable",
        _("Stored secret not readable"),
        _("Nothing was sent: a stored secret of this webhook can't be opened."),
        _("The portal's encryption keys were changed without the step that carries secrets over."),
        _("Operations must restore the key. Entering the secrets of this webhook again helps at once."),
        Side.OPERATOR,
    ),
    Diagnosis(
        "auth_incomplete",
        _("Authentication not complete"),
        _("Nothing was sent: the authentication of this webhook is not complete."),
        _("A value that the chosen authentication type needs is missing."),
        _("Complete the authentication in the webhook's form."),
    ),
    Diagnosis(
        "auth_method_unknown",
        _("Authentication type not available"),
        _("Nothing was sent: the authentication type of this webhook does not exist in this portal."),
        _("The portal was set back to an older release that does not know it."),
        _("Operations must install the newer release, or choose another authentication type in the form."),
        Side.OPERATOR,
    ),
    Diagnosis(
        "tags_without_key",
        _("No key for the tags"),
        _("Nothing was sent: headers of this webhook contain tags, and there is no key to fill them in with."),
        _("The authentication of this webhook has no private key any more, or one that these tags can't be made with."),
        _("Give its authentication an RSA key or one of the curve P-256, or take the tags out of the headers."),
    ),
    Diagnosis(
        "signing_secret_missing",
        _("Signing secret missing"),
        _("Nothing was sent: this webhook has no usable signing secret."),
        _("Its stored value was damaged."),
        _("Make a new signing secret on the webhook's page."),
        Side.OPERATOR,
        signature=True,
    ),
    Diagnosis(
        "content_not_renderable",
        _("Body could not be written"),
        _("Nothing was sent: the event's content does not fit the body format."),
        _("The event was recorded without something that its type documents."),
        _("Tell operations the id of this notification."),
        Side.OPERATOR,
    ),
    Diagnosis(
        "webhook_missing",
        _("Webhook not found"),
        _("Nothing was sent: the webhook of this notification no longer exists."),
        _("It was removed from the database by hand."),
        _("Tell operations the id of this notification."),
        Side.OPERATOR,
    ),
    Diagnosis(
        "worker_lost",
        _("Outcome unknown"),
        _("The process that sent this attempt ended before it could record the answer. The receiver may have it."),
        _("The portal was restarted or failed in that moment."),
        _("Nothing to do: it is sent again with the same webhook-id, by which the receiver can recognise it."),
        Side.OPERATOR,
    ),
)
