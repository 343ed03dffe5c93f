"""One mail of a notice, in its reader's language."""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from notices import kinds
from notices.models import Notice
from notices.readers import Reader
from notices.texts import clean, one_line

ENVIRONMENTS = {"development": _("Development"), "homologation": _("Homologation"), "production": _("Production")}
LONGEST_SUBJECT = 200
# Programs that answer mails leave this one alone (RFC 3834).
_HEADERS = {"Auto-Submitted": "auto-generated"}


def build_mail(notice: Notice, reader: Reader) -> EmailMessage:
    """Return the mail of `notice` for one reader. Raises KeyError for a kind that this release does not know."""
    kind = kinds.get(notice.kind)
    with translation.override(reader.language):
        values = dict(kind.describe({name: clean(value) for name, value in notice.context.items()}))
        text = render_to_string("notices/email/notice.txt", {**values, **_frame(notice, reader, kind.template)})
        subject = _subject(str(kind.subject) % values)
    # Blank lines of the templates' own tags.
    body = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    return EmailMessage(subject, body, to=[reader.address], headers=_HEADERS)


def _frame(notice: Notice, reader: Reader, template: str) -> Mapping[str, Any]:
    return {
        "template": template,
        "name": clean(reader.name),
        "url": f"{settings.PORTAL_BASE_URL}{notice.path}" if notice.path else "",
        "operator": one_line(settings.PORTAL_OPERATOR_NAME),
        "environment": ENVIRONMENTS[settings.PORTAL_ENVIRONMENT],
        "participant": clean(notice.participant.name) if notice.participant else "",
    }


def _subject(words: str) -> str:
    environment = ENVIRONMENTS[settings.PORTAL_ENVIRONMENT]
    whole = f"[{settings.PORTAL_OPERATOR_NAME} · {environment}] {words[:1].upper()}{words[1:]}"
    return one_line(whole)[:LONGEST_SUBJECT]
