from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from notices import kinds
from notices.actions import Draft, post_notice
from notices.kinds import Kind
from notices.models import Notice
from tests.notices.mail_server import MailServer

# Words that the catalogues have, so that a mail's language can be seen.
TRIED = Kind("tried", _("Test"), _("Webhook test"), "access/email/invitation_subject.txt")


@pytest.fixture(autouse=True)
def _kind_for_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds._kinds, TRIED.code, TRIED)


@pytest.fixture
def post(owner: Any) -> Callable[..., Notice]:
    """Post a notice to the owner's participant, or as `over` says."""

    def write(key: str = "once", **over: Any) -> Notice:
        with transaction.atomic():
            post_notice(Draft(**{"kind": TRIED.code, "dedupe_key": key, "participant_id": owner.participant.pk} | over))
        return Notice.objects.get(dedupe_key=key)

    return write


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """The portal's mails go through a real connection to this one."""
    with MailServer() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.EMAIL_TIMEOUT = 1
        yield running
