"""What a session remembers of the second step: who took it, and under which of their factors."""

from django.http import HttpRequest

from access.models import User

SESSION_KEY = "second_step"


def keep(request: HttpRequest, user: User) -> None:
    request.session[SESSION_KEY] = _mark(user)


def forget(request: HttpRequest) -> None:
    request.session.pop(SESSION_KEY, None)


def is_kept(request: HttpRequest, user: User) -> bool:
    """Whether this session took the second step with the factor that `user` still has. No query."""
    return bool(request.session.get(SESSION_KEY) == _mark(user))


def _mark(user: User) -> str:
    # Every change of a factor raises the epoch.
    return f"{user.pk}:{user.session_epoch}"
