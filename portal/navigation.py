"""What stands around every page: menu, participant, environment, theme, language. Lower apps' pages show it too.

The base templates read it as `frame`, from a context processor. Nothing is asked of the database before a template
does, so fragments and error pages cost nothing.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext, gettext_lazy

from access import seeing, slots
from access.models import Membership, Participant
from access.requests import PortalRequest
from access.roles import Theme
from portal.environment import PRODUCTION

ENVIRONMENT_NAMES = {
    "development": gettext_lazy("Development"),
    "homologation": gettext_lazy("Homologation"),
    PRODUCTION: gettext_lazy("Production"),
}
THEME_COOKIE = "theme"
THEME_ICONS = {Theme.SYSTEM: "device-desktop", Theme.LIGHT: "sun", Theme.DARK: "moon"}


@dataclass
class Entry:
    """One line of the menu. `current` is "page" on that very page, "true" on a page below it, else empty. `problems`:
    how many are shown beside it, None where none are counted."""

    label: str
    url: str
    icon: str = ""
    current: str = ""
    problems: int | None = None
    below: list["Entry"] = field(default_factory=list)
    below_label: str = ""


class Frame:
    """Everything the base templates show, read when asked for."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = cast(PortalRequest, request)
        self.operator = settings.PORTAL_OPERATOR_NAME

    @cached_property
    def problems(self) -> int:
        """How many webhooks have a problem."""
        return slots.call("webhooks_with_problems", self.request) or 0

    @cached_property
    def environment(self) -> dict[str, Any]:
        name = settings.PORTAL_ENVIRONMENT
        return {"code": name, "name": ENVIRONMENT_NAMES[name]}

    @cached_property
    def theme(self) -> str:
        """The chosen theme. A person's own choice counts; signed out, the cookie of this browser."""
        user = getattr(self.request, "user", None)
        chosen = user.theme if user and user.is_authenticated else self.request.COOKIES.get(THEME_COOKIE)
        return chosen if chosen in Theme.values else Theme.SYSTEM

    @property
    def themes(self) -> list[dict[str, Any]]:
        return [
            {"code": theme.value, "name": theme.label, "icon": THEME_ICONS[theme], "chosen": theme == self.theme}
            for theme in Theme
        ]

    @property
    def theme_icon(self) -> str:
        return THEME_ICONS[Theme(self.theme)]

    @property
    def languages(self) -> list[dict[str, Any]]:
        now = get_language()
        return [
            {"code": code, "name": name, "short": code[:2].upper(), "chosen": code == now}
            for code, name in settings.LANGUAGES
        ]

    @property
    def language_short(self) -> str:
        return (get_language() or settings.LANGUAGE_CODE)[:2].upper()

    @property
    def time_words(self) -> str:
        """The patterns of "4 s ago" for static/js/time.js; the same ones as access.templatetags.house uses."""
        patterns = {"s": gettext("%(n)s s ago"), "min": gettext("%(n)s min ago"), "h": gettext("%(n)s h ago")}
        return json.dumps(patterns | {"d": gettext("%(n)s d ago")})

    @property
    def here(self) -> str:
        """Where a changed language or theme returns to: this page, if it may be fetched again."""
        return self.request.get_full_path() if self.request.method == "GET" else "/"

    @cached_property
    def participant(self) -> Participant | None:
        actor = getattr(self.request, "actor", None)
        return actor.participant if actor else None

    @cached_property
    def seeing(self) -> datetime | None:
        """Until when this member of staff sees as the participant; None for everybody else."""
        actor = getattr(self.request, "actor", None)
        return timezone.localtime(seeing.ends_at(self.request)) if actor and actor.seeing else None

    @cached_property
    def other_memberships(self) -> list[Membership]:
        """The other participants this person may work for."""
        now = self.participant.pk if self.participant else None
        memberships = getattr(self.request, "memberships", [])
        return [each for each in memberships if each.participant.pk != now and not each.participant.blocked]

    @cached_property
    def menu(self) -> list[Entry]:
        if self.participant is None:
            return []
        return [
            self._entry(gettext("Home"), "portal:home", "home", exact=True),
            self._entry(gettext("Publications"), "catalog:publication-list", "package"),
            self._settings(),
            self._entry(gettext("Documentation"), "portal:help-home", "help-circle"),
            *self._demo(),
        ]

    def _demo(self) -> list[Entry]:
        if not settings.PORTAL_DEMO_RECEIVER_URL:
            return []
        return [self._entry(gettext("Demo receiver"), "portal:demo-received", "inbox")]

    def _settings(self) -> Entry:
        webhooks = self._entry(gettext("Webhooks"), "webhooks:webhook-list")
        # What was sent belongs to the webhooks, though its address does not begin with theirs.
        if not webhooks.current and self.request.path.startswith(reverse("dispatch:delivery-list")):
            webhooks.current = "true"
        webhooks.problems = self.problems
        entry = self._entry(gettext("Settings"), "portal:settings", "settings", exact=True)
        connections = self._entry(gettext("Connections"), "connections:connection-list")
        entry.below_label, entry.below = gettext("Integration"), [webhooks, connections]
        return entry

    def _entry(self, label: str, name: str, icon: str = "", *, exact: bool = False) -> Entry:
        url, path = reverse(name), self.request.path
        below = not exact and path.startswith(url)
        return Entry(label, url, icon, current="page" if path == url else "true" if below else "")


def frame(request: HttpRequest) -> dict[str, Frame]:
    """Context processor: `frame` in every template."""
    return {"frame": Frame(request)}
