"""Tags that every page uses: `{% icon %}`, `{% state %}`, `{% when %}`, `{% initials %}`.

They give markup only. The words come from the caller, already translated.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext

register = template.Library()

ICON_FOLDER = "vendor/tabler-icons/outline"
TONES = ("ok", "bad", "warn", "idle", "run")

_ICON_NAME = re.compile(r"[a-z0-9-]+")
_DRAWING = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
# Every Tabler icon starts with an invisible square that only design tools need.
_INVISIBLE = re.compile(r'<path stroke="none"[^>]*/>')


@register.simple_tag
def icon(name: str, size: int = 18) -> SafeString:
    """Draw a vendored icon inline, hidden from screen readers: a word must stand beside it, or a label around it."""
    return format_html(
        '<svg class="icon icon-{} icon-{}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{}</svg>',
        size,
        name,
        _drawing(name),
    )


@register.simple_tag
def state(of: Any = None, *, tone: str = "", icon: str = "", word: str = "", badge: bool = True) -> SafeString:
    """Show a state: icon, word and colour. `of` is anything with `tone`, `icon` and `word`, or give the three.

    A badge once per object, in its title or list row; `badge=False` for the plain text of dense tables.
    """
    tone, name, word = tone or of.tone, icon or of.icon, word or of.word
    if tone not in TONES:
        raise ValueError(f"{tone!r} is no tone: {', '.join(TONES)}")
    classes = f"state state-{tone}" if badge else f"state-text tone-{tone}"
    return format_html('<span class="{}">{}{}</span>', classes, _icon(name, 16), word)


@register.simple_tag
def when(moment: datetime | None, style: str = "near", empty: str = "–") -> SafeString | str:
    """Show a moment in the reader's zone, the exact instant on hover.

    Styles: "near" (today 14:31, yesterday 17:48, 12/11 08:14), "brief" (14:31 today, else 12/11), "time" (14:31:07),
    "date", "full", and two that static/js/time.js keeps current: "ago" (4 s ago) and "countdown" (02:55).
    """
    if moment is None:
        return empty
    local = timezone.localtime(moment)
    # The attribute tells time.js which texts move; the others stand still.
    moving = format_html(' data-when="{}"', style) if style in ("ago", "countdown") else ""
    exact = f"{date_format(local, gettext('D j M Y, H:i:s'))} (UTC{local.strftime('%z')[:3]})"
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>', local.isoformat(), exact, moving, _words(local, style)
    )


@register.filter
def initials(name: str) -> str:
    """First letters of the first two words that count: "Vento Alto Energia" gives VA, "Lia de Souza" LS."""
    words = [word for word in str(name).split() if word[0].isupper() or word[0].isdigit()]
    return "".join(word[0] for word in words[:2]) or str(name)[:1].upper() or "?"


def _icon(name: str, size: int) -> SafeString:
    return icon(name, size)


@cache
def _drawing(name: str) -> SafeString:
    found = finders.find(f"{ICON_FOLDER}/{name}.svg") if _ICON_NAME.fullmatch(name) else None
    if not found:
        raise template.TemplateSyntaxError(f"no icon is called {name!r}: see {ICON_FOLDER} and docs/front-end.md")
    inside = _DRAWING.search(Path(found).read_text())
    if inside is None:
        raise template.TemplateSyntaxError(f"the icon {name!r} is no drawing")
    # Safe: a file of ours, held by its digest in static/vendor/VENDORED.md.
    return SafeString(" ".join(_INVISIBLE.sub("", inside.group(1)).split()))


def _words(local: datetime, style: str) -> str:
    return _STYLES[style](local)


def _brief(local: datetime) -> str:
    today = local.date() == timezone.localdate()
    return local.strftime("%H:%M") if today else date_format(local, gettext("j M"))


def _full(local: datetime) -> str:
    words = date_format(local, gettext("l, j F Y, H:i"))
    # Portuguese writes days and months small; Django's own translation gives them a capital.
    return capfirst(words.lower()) if get_language() == "pt-br" else words


def _near(local: datetime) -> str:
    now = timezone.localtime()
    clock = local.strftime("%H:%M")
    if local.date() == now.date():
        return gettext("today %(time)s") % {"time": clock}
    if local.date() == (now - timedelta(days=1)).date():
        return gettext("yesterday %(time)s") % {"time": clock}
    if local.date() == (now + timedelta(days=1)).date():
        return gettext("tomorrow %(time)s") % {"time": clock}
    if local.year == now.year:
        return f"{date_format(local, gettext('j M'))} {clock}"
    return f"{date_format(local, 'SHORT_DATE_FORMAT')} {clock}"


def ago(age: timedelta) -> str:
    """The same words as static/js/time.js makes, so that nothing jumps when the script takes over."""
    seconds = max(0, int(age.total_seconds()))
    if seconds < 60:
        return gettext("%(n)s s ago") % {"n": seconds}
    if seconds < 3600:
        return gettext("%(n)s min ago") % {"n": seconds // 60}
    if seconds < 86400:
        return gettext("%(n)s h ago") % {"n": seconds // 3600}
    return gettext("%(n)s d ago") % {"n": seconds // 86400}


def countdown(left: timedelta) -> str:
    """Minutes and seconds, with hours in front when there are any."""
    seconds = max(0, int(left.total_seconds()))
    hours, rest = divmod(seconds, 3600)
    text = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{hours}:{text}" if hours else text


_STYLES: dict[str, Callable[[datetime], str]] = {
    "near": _near,
    "brief": _brief,
    "time": lambda local: local.strftime("%H:%M:%S"),
    "date": lambda local: date_format(local, "SHORT_DATE_FORMAT"),
    "full": _full,
    "ago": lambda local: ago(timezone.now() - local),
    "countdown": lambda local: countdown(local - timezone.now()),
}
