"""Words of Django's own that our catalogue says better. Nothing calls them: they stand here to be found by `messages`.

Portuguese writes months small, Django's translation gives them a capital; ours is asked first. And none of many is a
plural to a reader, not to Django's catalogue ("0 de 7 selecionado"): ours agrees with any number.
"""

from django.utils.translation import gettext_noop

MONTHS = (
    gettext_noop("January"),
    gettext_noop("February"),
    gettext_noop("March"),
    gettext_noop("April"),
    gettext_noop("May"),
    gettext_noop("June"),
    gettext_noop("July"),
    gettext_noop("August"),
    gettext_noop("September"),
    gettext_noop("October"),
    gettext_noop("November"),
    gettext_noop("December"),
)

# The second is drawn by Django's script: portal.administration puts our words into what it reads.
SELECTED_AT_FIRST = gettext_noop("0 of %(cnt)s selected")
SELECTED = gettext_noop("%(sel)s of %(cnt)s selected")
