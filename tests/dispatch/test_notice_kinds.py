"""The mails of this floor: each can be written, in both languages, and holds nothing but words."""

import pytest

from dispatch.notice_kinds import KINDS
from notices import kinds
from notices.checks import check_templates
from notices.kinds import Kind
from notices.mails import build_mail
from notices.models import Notice
from notices.readers import Reader
from webhooks.models import StoppedReason

VALUES = {
    "webhook": "Preços",
    "address": "https://hook.example.com/in",
    "since": "2026-03-02T10:05:00+00:00",
    "held": 3,
    "diagnosis": "not_found",
}


@pytest.mark.parametrize("language", ["en", "pt-br"])
@pytest.mark.parametrize("reason", ["", *StoppedReason.values])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_x_5_each_mail_is_whole_in_both_languages(kind, reason, language):
    notice = Notice(kind=kind.code, context=VALUES | {"reason": reason}, path="/settings/")
    mail = build_mail(notice, Reader("ana@vento.test", language, "Ana"))
    text = f"{mail.subject}\n{mail.body}"
    for rest in ("{{", "{%", "%(", "None", "&quot;", "&#x27;", "..", "\n\n\n", "  "):
        assert rest not in text
    assert mail.body.endswith("\n")
    assert "\nhttp://portal.test/settings/\n" in mail.body
    assert max(map(len, mail.subject.splitlines())) <= 200
    assert "Preços" in text or "webhook" not in kind.code


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_values_of_an_older_release_are_enough(kind):
    """A notice that was written before an upgrade is sent after it."""
    notice = Notice(kind=kind.code, context={"webhook": "Preços", "address": "https://hook.example.com/in"})
    assert build_mail(notice, Reader("ana@vento.test", "en")).body


def test_a_stop_for_a_410_promises_no_test(db):
    def body(reason: str) -> str:
        notice = Notice(kind="webhook_stopped", context=VALUES | {"reason": reason})
        return str(build_mail(notice, Reader("ana@vento.test", "en")).body)

    assert "a test is sent to it" in body("failing")
    assert "a test is sent to it" not in body("gone")


def test_a_kind_without_its_mail_refuses_the_start(monkeypatch):
    assert check_templates(None) == []
    monkeypatch.setitem(kinds._kinds, "bare", Kind("bare", "", "", "dispatch/email/nothing.txt"))
    (error,) = check_templates(None)
    assert error.id == "notices.E001"
    assert "dispatch/email/nothing.txt" in error.msg
