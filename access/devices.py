"""What a browser says of itself, in words that its owner recognises. It is a hint only: anybody may send any words."""

import re

from django.utils.translation import gettext as _

# Each browser also names those that it wants to be taken for: the first that is found is it.
BROWSERS = (
    ("EdgA?/|EdgiOS/", "Edge"),
    ("OPR/|OPiOS/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/|FxiOS/", "Firefox"),
    ("Chrome/|CriOS/|Chromium/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X|Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux|X11", "Linux"),
)
PHONES = ("iPhone", "Android")
_PROGRAM = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]{0,39}")


def describe_device(user_agent: str) -> str:
    """Return such as "Firefox on Linux"; of a program that is no browser its own name."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if not browser:
        program = _PROGRAM.match(user_agent.partition("/")[0])
        browser = program[0].strip() if program and "/" in user_agent and "Mozilla" not in program[0] else ""
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown browser")


def _first(known: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for pattern, name in known if re.search(pattern, text)), "")
