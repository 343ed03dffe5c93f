"""Language and theme that somebody chose by hand while signed out: the account's own once they sign in.

They wait in the session, not in the cookies: those stay with the browser for a year, and its next user may be somebody
else. Signing out empties the session.
"""

from collections.abc import Mapping

from django.http import HttpRequest

from access import actions
from access.actors import Actor
from access.models import User

SESSION_KEY = "chosen"


def keep_for_sign_in(request: HttpRequest, values: Mapping[str, str]) -> None:
    """Remember `values`, as `update_preferences` takes them, until whoever chose them signs in."""
    if values:
        request.session[SESSION_KEY] = request.session.get(SESSION_KEY, {}) | dict(values)


def take_over(request: HttpRequest, user: User) -> None:
    """Give what was chosen before signing in to the account of who has just signed in."""
    if chosen := request.session.pop(SESSION_KEY, None):
        actions.update_preferences(user, values=chosen, by=Actor.for_self(user))
