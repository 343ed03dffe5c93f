"""What an audit entry tells, in words. Its code, `catalog.publication.created`, is what is kept and exported."""

from django.apps import apps
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

# By the last part of the action: what was done. An unknown one is shown as it is written.
_DONE: dict[str, Promise] = {
    "archived": pgettext_lazy("audit", "archived"),
    "asked": pgettext_lazy("audit", "run asked for"),
    "blocked": pgettext_lazy("audit", "blocked"),
    "created": pgettext_lazy("audit", "created"),
    "deleted": pgettext_lazy("audit", "deleted"),
    "ended": pgettext_lazy("audit", "ended"),
    "erased": pgettext_lazy("audit", "erased"),
    "erasure_requested": pgettext_lazy("audit", "requested"),
    "exported": pgettext_lazy("audit", "exported"),
    "invited": pgettext_lazy("audit", "mail to choose a password"),
    "mfa_disabled": pgettext_lazy("audit", "two-step sign-in turned off"),
    "mfa_enabled": pgettext_lazy("audit", "two-step sign-in turned on"),
    "mfa_replaced": pgettext_lazy("audit", "second factor replaced"),
    "mfa_reset": pgettext_lazy("audit", "second factor taken away"),
    "password_changed": pgettext_lazy("audit", "password changed"),
    "paused": pgettext_lazy("audit", "paused"),
    "preferences_updated": pgettext_lazy("audit", "preferences changed"),
    "recovery_codes_renewed": pgettext_lazy("audit", "recovery codes renewed"),
    "renamed": pgettext_lazy("audit", "renamed"),
    "replaced": pgettext_lazy("audit", "replaced"),
    "requested": pgettext_lazy("audit", "requested"),
    "resent": pgettext_lazy("audit", "sent again"),
    "resumed": pgettext_lazy("audit", "resumed"),
    "run": pgettext_lazy("audit", "run"),
    "seeded": pgettext_lazy("audit", "made to try the load"),
    "seen": pgettext_lazy("audit", "seen by operations"),
    "seen_ended": pgettext_lazy("audit", "no longer seen by operations"),
    "signed_in": pgettext_lazy("audit", "signed in"),
    "signed_out": pgettext_lazy("audit", "signed out"),
    "signing_overlap_ended": pgettext_lazy("audit", "former signing secret ended"),
    "signing_secret_rotated": pgettext_lazy("audit", "signing secret renewed"),
    "signing_secret_shown": pgettext_lazy("audit", "signing secret shown"),
    "started": pgettext_lazy("audit", "started"),
    "stopped": pgettext_lazy("audit", "stopped"),
    "tested": pgettext_lazy("audit", "tested"),
    "token_shown": pgettext_lazy("audit", "token shown"),
    "unblocked": pgettext_lazy("audit", "unblocked"),
    "updated": pgettext_lazy("audit", "changed"),
    "withdrawn": pgettext_lazy("audit", "withdrawn"),
}
# Where one verb means two things.
_DONE_TO: dict[str, Promise] = {
    "catalog.publication.released": pgettext_lazy("audit", "published at its time"),
    "dispatch.held.released": pgettext_lazy("audit", "held notifications released"),
}


def action_words(action: str, object_type: str) -> str:
    """Return `Publication: created`. An action of a version to come, or of one long gone, is told by its code."""
    done = _DONE_TO.get(action) or _DONE.get(action.rpartition(".")[2])
    if done is None:
        return action
    return _("%(object)s: %(done)s") % {"object": type_words(object_type), "done": done}


def type_words(object_type: str) -> str:
    """Return how people call the kind of object, or its code when there is no such model any more."""
    try:
        return str(capfirst(apps.get_model(object_type)._meta.verbose_name))
    except (LookupError, ValueError):
        return object_type
