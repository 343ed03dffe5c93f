"""The outbox in the administration: read-only, and sent again after a confirmation by who may."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from access.models import AuditEntry
from notices.models import Incident, Notice
from tests.factories import make_user
from tests.people import Person

pytestmark = pytest.mark.django_db
LIST = "/admin/notices/notice/"
RESEND = "/admin/notices/notice/resend/"


@pytest.fixture
def failed(post: Any) -> Notice:
    notice = post(subject="Preços <b>", path="/settings/")
    Notice.objects.filter(pk=notice.pk).update(state="failed", due_at=None, tries=13, last_error="SMTPDataError 554")
    notice.refresh_from_db()
    return notice


@pytest.fixture
def clerk(db: None) -> Person:
    """Staff who may look at notices and no more."""
    user = make_user(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_notice"))
    return Person(user)


def test_the_list_says_what_happened(officer, failed):
    Notice.objects.create(
        kind="tried", audience="operators", dedupe_key="x", created_at=timezone.now(), due_at=timezone.now()
    )
    page = officer.client.get(LIST).content.decode()
    for words in ("Preços &lt;b&gt;", "SMTPDataError 554", failed.participant.name, "Operators", "Failed"):
        assert words in page


def test_the_list_costs_the_same_whatever_it_shows(officer, post, failed):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            officer.client.get(LIST)
        return len(queries)

    officer.client.get(LIST)
    few = count()
    for number in range(20):
        post(f"notice {number}")
    assert count() == few < 30


@pytest.mark.parametrize(("query", "found"), [("q=preços", 1), ("state=sent", 0), ("kind=tried", 1), ("kind=x", 0)])
def test_the_list_is_searched_and_filtered(officer, failed, query, found):
    page = officer.client.get(f"{LIST}?{query}").content.decode()
    assert page.count("SMTPDataError 554") == found


def test_a_cnpj_is_searched_as_it_is_written(officer, failed):
    assert "SMTPDataError" in officer.client.get(LIST, {"q": failed.participant.formatted_cnpj}).content.decode()


def test_the_page_of_a_notice_shows_its_mail(officer, failed):
    page = officer.client.get(reverse("admin:notices_notice_change", args=[failed.pk])).content.decode()
    assert "[Operador Meridiano · Development] Webhook test" in page
    assert "http://portal.test/settings/" in page


def test_a_notice_of_an_unknown_kind_can_be_looked_at(officer, failed):
    Notice.objects.filter(pk=failed.pk).update(kind="of the next release")
    page = officer.client.get(reverse("admin:notices_notice_change", args=[failed.pk])).content.decode()
    assert "KeyError" in page


def test_nobody_adds_changes_or_deletes(officer, failed):
    change = reverse("admin:notices_notice_change", args=[failed.pk])
    assert officer.client.post(change, {"subject": "x"}).status_code == 403
    assert officer.client.post(reverse("admin:notices_notice_delete", args=[failed.pk])).status_code == 403
    assert officer.client.post(reverse("admin:notices_notice_add"), {}).status_code == 403
    assert Notice.objects.get().subject == "Preços <b>"


def test_sending_again_asks_first_and_leaves_an_audit_row(officer, failed):
    chosen = officer.client.post(LIST, {"action": "resend_selected", "_selected_action": [failed.pk]})
    assert chosen["Location"] == f"{RESEND}?notice={failed.uuid}"
    page = officer.client.get(chosen["Location"]).content.decode()
    assert "Send 1 notice again" in page
    assert Notice.objects.get().state == "failed"
    assert officer.client.post(RESEND, {"notice": [str(failed.uuid)]})["Location"] == LIST
    assert (Notice.objects.get().state, Notice.objects.get().tries) == ("waiting", 0)
    assert AuditEntry.objects.get(action="notices.notice.resent").actor_user == officer.user


def test_who_may_only_look_can_not_send_again(clerk, failed):
    assert "resend_selected" not in clerk.client.get(LIST).content.decode()
    assert clerk.client.get(RESEND, {"notice": str(failed.uuid)}).status_code == 403
    assert clerk.client.post(RESEND, {"notice": str(failed.uuid)}).status_code == 403
    clerk.client.post(LIST, {"action": "resend_selected", "_selected_action": [failed.pk]})
    assert Notice.objects.get().state == "failed"


@pytest.mark.parametrize("given", ["", "not-a-uuid", "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f1"])
def test_with_nothing_to_send_again_the_page_says_so(officer, given):
    for page in (officer.client.get(RESEND, {"notice": given}), officer.client.post(RESEND, {"notice": given})):
        assert "Nothing to do" in page.content.decode()


def test_incidents_can_be_looked_at(officer):
    Incident.objects.create(kind="dispatcher_silent", suspected_at=timezone.now(), seen_at=timezone.now())
    page = officer.client.get("/admin/notices/incident/").content.decode()
    assert "No dispatcher shows a sign of life" in page


def test_the_title_of_a_notice_is_in_words_and_its_page_a_link(officer, failed):
    page = officer.client.get(reverse("admin:notices_notice_change", args=[failed.pk])).content.decode()
    title = page.partition("</title>")[0]
    assert "Preços" in title
    assert f"{failed.kind}:" not in page
    assert '<a href="/settings/">/settings/</a>' in page
    assert reverse("admin:access_participant_change", args=[failed.participant_id]) in page


def test_the_list_of_incidents_says_what_one_is_and_offers_those_there_were(officer):
    empty = officer.client.get("/admin/notices/incident/").content.decode()
    assert "all is well" in empty
    assert "?kind=" not in empty
    for kind in ("dispatcher_silent", "deliveries_late"):
        Incident.objects.create(kind=kind, suspected_at=timezone.now(), seen_at=timezone.now())
    page = officer.client.get("/admin/notices/incident/").content.decode()
    assert page.count("?kind=") == 2
