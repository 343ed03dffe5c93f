"""The page of one delivery and the list: both sides of every exchange, and nothing of anybody else's."""

import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from access.actors import Actor
from access.models import AuditEntry
from catalog.actions import count_download
from dispatch import waiting_room
from dispatch.actions import announce
from dispatch.models import Attempt, Delivery, Outcome
from tests.factories import make_attempt, make_delivery, make_event, make_product, make_publication, make_webhook
from tests.receiver import Answer
from webhooks.actions import stop_webhook
from webhooks.models import Webhook
from webhooks.values import HeaderValues

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
HTMX = {"HX-Request": "true"}
SCRIPT = b"<script>alert('from the receiver')</script>"


@pytest.fixture
def webhook(owner, loopback, receiver, product):
    return make_webhook(
        participant=owner.participant,
        description="Contabilização",
        request_uri=receiver.url("/hook?key=CANARY-in-the-query"),
        products=[product],
        auth_method="secret",
        auth_secrets={"secret": "CANARY-token"},
        headers=(HeaderValues("X-Origin", "meridiano", secret=False),),
    )


@pytest.fixture(autouse=True)
def _nobody_waits_long(monkeypatch):
    monkeypatch.setattr(waiting_room, "PATIENCE_SECONDS", 0.2)


@pytest.fixture
def delivery(webhook, product):
    """Written by a publication, not sent yet."""
    announce(make_publication(product), by=BY)
    return Delivery.objects.get()


def path_of(delivery, name="detail"):
    return reverse(f"dispatch:delivery-{name}", args=[delivery.uuid])


def text_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def show_answers():
    """As if the receiver stood in the internet: answers of allowed private networks are not shown."""
    Attempt.objects.update(private=False)


# --- both sides of the exchange (X-2) -----------------------------------------------------------------------------


def test_every_attempt_is_shown_newest_first_with_what_was_sent_and_what_came_back(
    owner, delivery, receiver, work, later
):
    """X-2, X-3."""
    receiver.answer("/hook", Answer(500, b"broken", headers=[("X-Trace", "abc")]), Answer(200, b"thanks", delay=0.05))
    work()
    later(301)
    work()
    show_answers()
    page = owner.client.get(path_of(delivery))
    words = text_of(page)
    assert [view.number for view in page.context["page"].attempts] == [2, 1]
    assert words.index("Attempt 2") < words.index("Attempt 1")
    for part in (
        "2 of 5",
        "fixed interval of 5 min",
        "POST /hook?key=•••••••• HTTP/1.1",
        "X-Origin: meridiano",
        f"webhook-id: msg_{delivery.uuid}",
        "X-Trace: abc",
        "broken",
        "thanks",
        "Error in the receiver: 500",
        "What to do",
        "Publication accepted",
    ):
        assert part in words
    assert "CANARY-token" not in page.content.decode()
    assert "Waiting for the answer" in words


def test_an_answer_that_is_a_script_is_only_text(owner, delivery, receiver, work):
    receiver.answer("/hook", Answer(500, SCRIPT, headers=[("X-Bad", "<img src=x onerror=alert(1)>")]))
    work()
    show_answers()
    html = owner.client.get(path_of(delivery)).content
    assert SCRIPT not in html
    assert b"&lt;script&gt;alert(" in html
    assert b"<img src=x" not in html


def test_an_answer_from_a_private_network_is_not_shown(owner, delivery, receiver, work):
    receiver.answer("/hook", Answer(500, b"internal secret", headers=[("X-Internal", "name")]))
    work()
    words = text_of(owner.client.get(path_of(delivery)))
    assert "HTTP 500" in words
    assert "internal secret" not in words
    assert "X-Internal" not in words
    assert "its answer is not shown" in words


def test_a_viewer_sees_the_body_but_no_request_header_and_no_button(viewer, delivery, work):
    """X-4."""
    work()
    page = viewer.client.get(path_of(delivery))
    html, words = page.content.decode(), text_of(page)
    assert "&quot;Nome&quot;:" in html
    assert "webhook-signature" not in html
    assert "X-Origin" not in html
    assert "Headers are shown to technical users" in words
    assert page.context["page"].curl == ""
    assert path_of(delivery, "send") not in html
    assert path_of(delivery, "stop") not in html


def test_what_was_handed_back_is_no_attempt_and_a_lost_one_is_not_counted(owner, delivery):
    now = timezone.now()
    common = {"delivery": delivery, "webhook": delivery.webhook, "lease_token": uuid4(), "slot_at": now}
    Attempt.objects.create(**common, number=1, outcome=Outcome.HANDED_BACK, counted=False, finished_at=now)
    lost = {"outcome": Outcome.UNKNOWN, "counted": False, "diagnosis": "worker_lost", "finished_at": now}
    Attempt.objects.create(**common, number=2, **lost)
    Attempt.objects.create(**common, number=3)
    page = owner.client.get(path_of(delivery))
    assert [(view.number, view.attempt.number) for view in page.context["page"].attempts] == [(2, 3), (1, 2)]
    assert "not counted" in text_of(page)
    assert "Outcome unknown" in text_of(page)


def test_the_curl_command_holds_no_secret(owner, delivery, work):
    work()
    curl = owner.client.get(path_of(delivery)).context["page"].curl
    assert """-H 'Authorization: '"$AUTHORIZATION" """ in curl
    assert """-H 'webhook-signature: '"$WEBHOOK_SIGNATURE" """ in curl
    assert "CANARY-token" not in curl
    assert "key=CANARY-in-the-query" in curl, "who may edit the webhook sees its address"
    assert "--data-raw '{" in curl


def test_facts_tell_of_the_link_and_of_its_use(owner, delivery, work):
    work()
    assert "never by this notification" in text_of(owner.client.get(path_of(delivery)))
    count_download(delivery.event.publication, delivery_uuid=delivery.uuid)
    words = text_of(owner.client.get(path_of(delivery)))
    assert "once, today" in words
    assert "Link valid until" in words
    assert delivery.event.publication.sha256 in words


def test_a_file_that_the_participant_may_no_longer_fetch_is_no_link(owner, delivery, work):
    """X-4."""
    from catalog.models import Product

    work()
    Product.objects.update(audience="granted")
    html = owner.client.get(path_of(delivery)).content.decode()
    assert reverse("catalog:publication-file", args=[delivery.event.publication.uuid]) not in html
    assert path_of(delivery, "send") not in html
    assert "not available to this participant any more" in html


# --- live ---------------------------------------------------------------------------------------------------------


def test_an_open_page_hears_of_the_attempt(owner, delivery, receiver, work):
    receiver.answer("/hook", Answer(503))
    page = owner.client.get(path_of(delivery))
    seen = re.search(r"seen=([0-9a-f]{16})", page.content.decode())[1]
    assert 'data-live="2"' in page.content.decode()
    assert owner.client.get(f"{path_of(delivery, 'live')}?seen={seen}", headers=HTMX).status_code == 204
    work()
    news = owner.client.get(f"{path_of(delivery, 'live')}?seen={seen}", headers=HTMX)
    assert "Next attempt in" in text_of(news)
    assert re.search(r'id="delivery-state" hx-swap-oob="true"', news.content.decode())
    due = Delivery.objects.get().due_at
    assert f'datetime="{timezone.localtime(due).isoformat()}"' in news.content.decode()


def test_what_was_never_tried_has_no_again(owner, delivery, work):
    words = text_of(owner.client.get(path_of(delivery)))
    assert "First attempt: now" in words
    assert "Cancel this notification" in words
    assert "again" not in words
    assert path_of(delivery, "send") not in owner.client.get(path_of(delivery)).content.decode()
    work()
    assert "Send again" in text_of(owner.client.get(path_of(delivery)))


@pytest.mark.parametrize(("reason", "side"), [("gone", "Participant's side"), ("paused", "Operator's side")])
def test_what_is_held_leads_to_the_webhook_and_says_whose_turn_it_is(owner, delivery, reason, side):
    stop_webhook(delivery.webhook, reason=reason, by=BY)
    Delivery.objects.update(state="held", reason="webhook_stopped", due_at=None)
    page = owner.client.get(path_of(delivery))
    words = unescape(text_of(page))
    assert words.count("Webhook stopped") == 1
    assert side in words
    assert f'href="{reverse("dispatch:webhook-detail", args=[delivery.webhook.uuid])}#held">' in page.content.decode()
    assert path_of(delivery, "send") not in page.content.decode()


def test_whose_turn_it_is_comes_before_the_attempts(owner, delivery, receiver, work):
    receiver.answer("/hook", Answer(500))
    work()
    words = unescape(text_of(owner.client.get(path_of(delivery))))
    places = [words.index(each) for each in ("Next attempt in", "Participant's side", "What happened", "Facts")]
    assert places == sorted(places)


def test_the_period_is_told_once(owner, delivery):
    words = text_of(owner.client.get(path_of(delivery)))
    assert words.count(delivery.event.publication.reference_text) >= 2
    assert "Period" not in words


def test_a_finished_delivery_asks_for_nothing_any_more(owner, delivery, work):
    work()
    assert "data-live" not in owner.client.get(path_of(delivery)).content.decode()


# --- send again, cancel -------------------------------------------------------------------------------------------


def test_send_again_sends_the_last_version_and_leads_to_its_page(owner, delivery, work, receiver, monkeypatch):
    """ONS-11."""
    work()
    monkeypatch.setattr(waiting_room.time, "sleep", lambda seconds: work())
    answer = owner.client.post(path_of(delivery, "send"), follow=True)
    again = Delivery.objects.exclude(pk=delivery.pk).get()
    assert answer.redirect_chain == [(path_of(again), 303)]
    assert again.cause == "enviar"
    assert str(next(iter(answer.context["messages"]))).startswith("Delivered: 200")


def test_cancel_ends_the_new_attempts(owner, delivery, receiver, work):
    receiver.answer("/hook", Answer(500))
    work()
    answer = owner.client.post(path_of(delivery, "stop"), follow=True)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == ("cancelled", "stopped_by_user")
    assert "Cancelled" in text_of(answer)
    assert AuditEntry.objects.get(action="dispatch.delivery.stopped").actor_user == owner.user
    again = owner.client.post(path_of(delivery, "stop"), follow=True)
    assert "not waiting any more" in text_of(again)
    assert AuditEntry.objects.filter(action="dispatch.delivery.stopped").count() == 1


@pytest.mark.parametrize("who", ["outsider", "viewer", "officer"])
@pytest.mark.parametrize("verb", ["send", "stop"])
def test_who_may_not_change_anything_is_refused_and_nothing_changes(who, verb, request, delivery):
    """X-4."""
    person = request.getfixturevalue(who)
    before = Delivery.objects.values().get()
    answer = person.client.post(path_of(delivery, verb))
    assert answer.status_code == (404 if who == "outsider" else 403)
    assert Delivery.objects.values().get() == before
    assert not AuditEntry.objects.filter(action__startswith="dispatch.").exists()


def test_somebody_elses_delivery_is_not_found(outsider, delivery):
    """X-4."""
    for name in ("detail", "live"):
        assert outsider.client.get(path_of(delivery, name)).status_code == 404


def test_wrong_methods_and_bad_identifiers(owner, delivery):
    assert owner.client.get(path_of(delivery, "send")).status_code == 405
    assert owner.client.get(path_of(delivery, "stop")).status_code == 405
    assert owner.client.post(path_of(delivery)).status_code == 405
    assert owner.client.get("/deliveries/no-uuid/").status_code == 404
    assert owner.client.get(f"/deliveries/{uuid4()}/").status_code == 404


def test_a_webhook_that_may_not_be_called_says_so_beside_send_again(owner, delivery, work):
    work()
    Webhook.objects.update(active=False)
    page = owner.client.get(path_of(delivery))
    assert "This webhook is inactive." in text_of(page)
    assert path_of(delivery, "send") not in page.content.decode()
    assert "This webhook is inactive." in text_of(owner.client.post(path_of(delivery, "send"), follow=True))
    assert Delivery.objects.count() == 1


def test_an_event_that_is_no_publication_has_a_page_too(owner, webhook):
    event = make_event(publication=make_publication(), type="client-transaction", subject="process:1")
    type(event).objects.filter(pk=event.pk).update(publication=None)
    delivery = make_delivery(webhook=webhook, event=event, state="failed", reason="exhausted", due_at=None,
                             finished_at=timezone.now())  # fmt: skip
    words = text_of(owner.client.get(path_of(delivery)))
    assert "transactions are reported" in words
    assert "No further attempt" in words
    owner.client.post(path_of(delivery, "send"))
    again = Delivery.objects.exclude(pk=delivery.pk).get()
    assert (again.event, again.cause) == (delivery.event, "enviar")


# --- the list -----------------------------------------------------------------------------------------------------

LIST = "/deliveries/"


def titles(response):
    return [row.title for row in response.context["page"].rows]


def test_the_list_holds_the_participants_own_deliveries_only(owner, outsider, delivery):
    """X-4."""
    make_delivery(webhook=make_webhook(participant=outsider.participant))
    assert [row.delivery for row in owner.client.get(LIST).context["page"].rows] == [delivery]
    assert len(outsider.client.get(LIST).context["page"].rows) == 1


def test_the_list_is_narrowed_by_webhook_state_and_product(owner, outsider, delivery, product):
    other = make_webhook(participant=owner.participant, description="Other")
    named = make_product(name="Reservoir levels")
    make_delivery(webhook=other, event=make_event(publication=make_publication(named)))
    Delivery.objects.filter(pk=delivery.pk).update(state="delivered", due_at=None, finished_at=timezone.now())
    assert [
        row.delivery for row in owner.client.get(LIST, {"webhook": delivery.webhook.uuid}).context["page"].rows
    ] == [delivery]
    assert [row.delivery for row in owner.client.get(LIST, {"state": "delivered"}).context["page"].rows] == [delivery]
    assert titles(owner.client.get(LIST, {"q": "reservoir"}))[0].startswith("Reservoir levels")
    assert len(owner.client.get(LIST, {"q": "reservoir"}).context["page"].rows) == 1
    assert "No notification matches" in text_of(owner.client.get(LIST, {"q": "zzz"}))
    foreign = make_webhook(participant=outsider.participant)
    assert len(owner.client.get(LIST, {"webhook": foreign.uuid}).context["page"].rows) == 2


@pytest.mark.parametrize(
    "query", ["webhook=x", "state=x", "before=x", "q=%00", "before=6b0e5f0e-6f7e-4c6e-9e0b-000000000000", "webhook=%00"]
)
def test_nonsense_in_the_address_narrows_nothing(owner, delivery, query):
    answer = owner.client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    assert len(answer.context["page"].rows) == 1


def test_older_pages_follow_a_cursor(owner, webhook, monkeypatch):
    from dispatch.pages import listing

    monkeypatch.setattr(listing, "PAGE", 2)
    made = [make_delivery(webhook=webhook).pk for _ in range(5)]
    seen, address = [], LIST
    for _ in range(3):
        page = owner.client.get(address).context["page"]
        seen += [row.delivery.pk for row in page.rows]
        address = f"{LIST}?before={page.older}"
    assert seen == made[::-1]
    assert page.older == ""


def test_somebody_elses_delivery_is_no_cursor(owner, outsider, delivery):
    foreign = make_delivery(webhook=make_webhook(participant=outsider.participant))
    page = owner.client.get(f"{LIST}?before={foreign.uuid}").context["page"]
    assert (page.first, len(page.rows)) == (True, 1)


def test_pages_need_few_queries(owner, webhook, product, work, receiver, later, django_assert_max_num_queries):
    receiver.answer("/hook", Answer(500))
    for number in range(8):
        announce(make_publication(product, period=f"2021-01-{number + 1:02}"), by=BY)
    work()
    later(301)
    work()
    assert owner.client, "signed in before the counting begins"
    with django_assert_max_num_queries(14):
        owner.client.get(path_of(Delivery.objects.first()))
    with django_assert_max_num_queries(14):
        page = owner.client.get(LIST)
    assert len(page.context["page"].rows) == 8


def test_a_lost_lease_is_not_shown_as_being_sent_for_ever(owner, delivery):
    Delivery.objects.update(lease_token=uuid4(), due_at=timezone.now() - timedelta(seconds=1))
    assert "Being sent" not in text_of(owner.client.get(path_of(delivery)))


@pytest.mark.parametrize(
    ("code", "status", "sent"),
    [("connection_refused", None, False), ("name_not_found", None, False), ("timeout_waiting", None, True)],
)
def test_a_request_that_never_left_is_not_told_as_sent(owner, webhook, code, status, sent):
    delivery = make_delivery(webhook=webhook)
    make_attempt(delivery, diagnosis=code, status=status, url=webhook.request_uri, timing={"total": 3.0})
    page = text_of(owner.client.get(reverse("dispatch:delivery-detail", args=[delivery.uuid])))
    assert ("What we sent" in page, "What would have been sent" in page) == (sent, not sent)
    assert ("Nothing: the request was not sent." in page) == (not sent)
