"""The pages of Enviar Tudo and Reenviar Pendentes: preview, press, progress, stop, and where they stand (ONS-16)."""

import re
from datetime import datetime
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from access.actors import Actor
from dispatch.actions import announce
from dispatch.batches import WRITING_SECONDS, start_batch
from dispatch.claims import claim_due
from dispatch.models import Cause, Delivery, SendBatch
from dispatch.pages import previews
from dispatch.previews import Last
from tests.factories import make_product, make_publication, make_webhook
from tests.receiver import Answer
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
HTMX = {"HX-Request": "true"}
LIST = "/settings/integration/webhooks/"
BUTTONS = ("Send all", "Resend pending", "Edit", "Show details")


@pytest.fixture
def webhook(owner, loopback, receiver, product):
    return make_webhook(
        participant=owner.participant,
        description="Preços",
        request_uri=receiver.url("/hook?key=CANARY-in-the-query"),
        products=[product],
    )


@pytest.fixture
def batch(webhook, product, owner):
    """Two notifications, written and not yet sent."""
    other = make_product(name="Other one")
    webhook.product_subscriptions.create(product=other)
    for each in (product, other):
        announce(make_publication(each), by=BY)
    return start_batch(webhook, Cause.ENVIAR_TUDO, by=owner.actor, token=uuid4())


def create_path(webhook, kind="send-all"):
    return reverse(f"dispatch:batch-{kind}", args=[webhook.uuid])


def path_of(batch, name="detail"):
    return reverse(f"dispatch:batch-{name}", args=[batch.webhook.uuid, batch.uuid])


def text_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def form_of(page):
    return dict(re.findall(r'type="hidden" name="(token|expected|dialog)" value="([^"]+)"', page.content.decode()))


def webhook_products(webhook):
    return [row.product for row in webhook.product_subscriptions.all()]


def press(person, webhook, kind="send-all", **options):
    """Look at the preview, then send what it shows."""
    page = person.client.get(create_path(webhook, kind))
    return person.client.post(create_path(webhook, kind), form_of(page), **options)


def live(person, batch, seen="", **query):
    return person.client.get(path_of(batch, "live"), {"seen": seen, **query}, headers=HTMX)


def stamp_of(response):
    return re.search(r"seen=([0-9a-f]{16})", response.content.decode())[1]


# --- the four buttons ---------------------------------------------------------------------------------------------


def test_every_row_of_the_list_has_the_four_buttons_in_their_order(owner, webhook, product):
    """ONS-16."""
    make_webhook(participant=owner.participant)
    rows = owner.client.get(LIST).content.decode().split('<ul class="webhook-rows">')[1].split("<li>")[1:]
    assert len(rows) == 2
    for row in rows:
        places = [row.index(f"</svg>{words}") for words in BUTTONS]
        assert places == sorted(places)


def test_the_buttons_carry_the_words_of_the_seed_in_portuguese(owner, webhook):
    """ONS-12, ONS-13, ONS-14, ONS-15, ONS-16."""
    owner.user.language = "pt-br"
    owner.user.save()
    html = owner.client.get(LIST).content.decode()
    for words in ("Enviar Tudo", "Reenviar Pendentes", "Editar", "Exibir Detalhes"):
        assert f"</svg>{words}" in html


@pytest.mark.parametrize("path", [LIST, "detail"])
def test_nothing_pending_closes_the_button_and_says_so(owner, webhook, product, receiver, work, path):
    url = reverse("dispatch:webhook-detail", args=[webhook.uuid]) if path == "detail" else path
    receiver.answer("/hook", Answer(500))
    announce(make_publication(product), by=BY)
    html = owner.client.get(url).content.decode()
    assert "there is nothing to resend" in html
    assert create_path(webhook, "resend-pending") not in html
    work()
    html = owner.client.get(url).content.decode()
    assert create_path(webhook, "resend-pending") in html
    assert ('<span class="btn-count">1</span>' in html) == (path == "detail")


@pytest.mark.parametrize("changes", [{"active": False}, {"stopped_at": timezone.now(), "stopped_reason": "gone"}])
def test_both_are_closed_with_the_reason_while_it_may_not_be_called(owner, webhook, product, changes):
    announce(make_publication(product), by=BY)
    Webhook.objects.update(**changes)
    for url in (LIST, reverse("dispatch:webhook-detail", args=[webhook.uuid])):
        html = owner.client.get(url).content.decode()
        assert html.count(f'aria-describedby="no-sending-{webhook.uuid}"') == 2
        assert create_path(webhook) not in html
    answer = press(owner, webhook)
    assert "This webhook is" in text_of(answer)
    assert not SendBatch.objects.exists()


def test_viewers_see_neither_button(viewer, webhook):
    for url in (LIST, reverse("dispatch:webhook-detail", args=[webhook.uuid])):
        html = viewer.client.get(url).content.decode()
        assert create_path(webhook) not in html
        assert "</svg>Send all" not in html


# --- the preview --------------------------------------------------------------------------------------------------


def test_the_preview_names_what_goes_and_what_stays_and_sends_nothing(owner, webhook, product, work):
    """ONS-12."""
    never = make_product(name="Never one")
    webhook.product_subscriptions.create(product=never)
    announce(make_publication(product, period="2026-08-15"), by=BY)
    work()
    page = owner.client.get(create_path(webhook))
    words = text_of(page)
    for expected in (
        "Send all: Preços",
        "Will be sent: 1 notification",
        f"{product.name} delivered today",
        "15/08/2026",
        "Left out: 1 product",
        "Never one No version has been published yet",
        "Send 1 notification",
    ):
        assert expected in words
    assert "CANARY" not in page.content.decode()
    assert not SendBatch.objects.exists()


def test_the_preview_of_the_pending_says_what_becomes_of_a_waiting_attempt(owner, webhook, product, receiver, work):
    """ONS-13."""
    receiver.answer("/hook", Answer(500))
    announce(make_publication(product), by=BY)
    work()
    words = text_of(owner.client.get(create_path(webhook, "resend-pending")))
    assert "its next attempt is replaced by this one" in words


@pytest.mark.parametrize(("limit", "words"), [(1, "wait for their turn"), (2, "All of them fit")])
def test_the_rate_limit_is_said_beforehand(owner, webhook, product, limit, words):
    other = make_product()
    webhook.product_subscriptions.create(product=other)
    for each in (product, other):
        announce(make_publication(each), by=BY)
    Webhook.objects.update(rate_limit_count=limit, rate_limit_period_seconds=60)
    assert words in text_of(owner.client.get(create_path(webhook)))


def test_of_very_many_the_first_are_shown_and_the_rest_on_request(owner, webhook, product, monkeypatch):
    monkeypatch.setattr(previews, "SHOWN", 1)
    other = make_product(name="Zz last")
    webhook.product_subscriptions.create(product=other)
    for each in (product, other):
        announce(make_publication(each), by=BY)
    page = text_of(owner.client.get(create_path(webhook)))
    assert "Zz last" not in page
    assert "Will be sent: 2 notifications" in page
    assert "Zz last" in text_of(owner.client.get(create_path(webhook), {"all": "1"}))


def test_nothing_to_send_offers_no_button(owner, webhook):
    page = owner.client.get(create_path(webhook))
    assert "There is nothing to send." in text_of(page)
    assert 'id="batch-send"' not in page.content.decode()


# --- the press ----------------------------------------------------------------------------------------------------


def test_a_press_leads_to_the_progress_and_a_second_one_to_the_same(owner, webhook, product):
    announce(make_publication(product), by=BY)
    page = owner.client.get(create_path(webhook))
    first, second = (owner.client.post(create_path(webhook), form_of(page)) for _ in range(2))
    made = SendBatch.objects.get()
    assert {(answer.status_code, answer["Location"]) for answer in (first, second)} == {(303, path_of(made))}
    assert made.by == owner.user


def test_while_one_runs_the_buttons_lead_to_it(owner, batch, webhook):
    for kind in ("send-all", "resend-pending"):
        answer = owner.client.get(create_path(webhook, kind))
        assert (answer.status_code, answer["Location"]) == (303, path_of(batch))
    assert SendBatch.objects.count() == 1


def test_a_press_without_its_preview_is_refused(owner, webhook, product):
    announce(make_publication(product), by=BY)
    for form in ({}, {"token": "nonsense"}, {"token": str(uuid4())}):
        answer = owner.client.post(create_path(webhook), form)
        assert answer.status_code == 200
        assert 'role="alert"' in answer.content.decode()
    assert not SendBatch.objects.exists()


def test_what_changed_since_the_preview_is_shown_again_first(owner, webhook, product):
    announce(make_publication(product), by=BY)
    page = owner.client.get(create_path(webhook))
    other = make_product(name="Newly out")
    webhook.product_subscriptions.create(product=other)
    announce(make_publication(other), by=BY)
    answer = owner.client.post(create_path(webhook), form_of(page))
    assert "has changed since you looked" in text_of(answer)
    assert "Newly out" in text_of(answer)
    assert not SendBatch.objects.exists()
    assert owner.client.post(create_path(webhook), form_of(answer)).status_code == 303


def test_in_a_dialog_it_is_the_same_without_leaving_the_page(owner, webhook, product):
    announce(make_publication(product), by=BY)
    page = owner.client.get(create_path(webhook), {"dialog": "1"}, headers=HTMX)
    html = page.content.decode()
    assert html.lstrip("<!-").startswith("dialog") or "<dialog" in html[:200]
    assert "<html" not in html
    answer = owner.client.post(create_path(webhook), form_of(page), headers=HTMX)
    html = answer.content.decode()
    assert 'id="batch-live"' in html
    assert "<dialog" not in html
    assert f'id="batch-strip-{webhook.uuid}" hx-swap-oob="true"' in html
    assert "Sending: 0 of 1" in html
    again = owner.client.get(create_path(webhook), {"dialog": "1"}, headers=HTMX, follow=True)
    assert "<dialog" in again.content.decode()
    assert 'id="batch-live"' in again.content.decode()


# --- the progress -------------------------------------------------------------------------------------------------


def test_the_progress_counts_to_the_end(owner, batch, receiver, work):
    page = owner.client.get(path_of(batch))
    assert "Sending: 0 of 2 notifications done" in text_of(page)
    assert "2 wait" in text_of(page)
    assert 'data-live="1"' in page.content.decode()
    assert live(owner, batch, stamp_of(page)).status_code == 204
    receiver.answer("/hook", Answer(204), Answer(500))
    work()
    answer = live(owner, batch, stamp_of(page), failed="0")
    words = text_of(answer)
    for expected in ("Done: 1 of 2 notifications delivered", "1 delivered", "1 to be tried again", "100%"):
        assert expected in words
    assert 'data-announce="Done: 1 of 2 notifications delivered"' in answer.content.decode()
    # What is left are retries: it looks on, less often.
    assert 'data-live="5"' in answer.content.decode()
    Delivery.objects.waiting().update(due_at=timezone.now())
    receiver.answer("/hook", Answer(200))
    work()
    page = owner.client.get(path_of(batch))
    assert "Done: 2 of 2 notifications delivered" in text_of(page)
    assert "data-live" not in page.content.decode()


def test_failures_are_said_aloud_once_each(owner, batch, receiver, work, settings):
    page = owner.client.get(path_of(batch))
    first = batch.deliveries.order_by("pk").first()
    Delivery.objects.filter(pk=first.pk).update(counted_attempts=1, attempts_made=1, last_status=500)
    answer = live(owner, batch, stamp_of(page), failed="0")
    assert 'data-announce="1 notification failed"' in answer.content.decode()
    assert "failed=1" in answer.content.decode()
    claim_due(10)
    assert "data-announce" not in live(owner, batch, stamp_of(answer), failed="1").content.decode()


@pytest.mark.parametrize("failed", ["", "nonsense", "-1", "9" * 400])
def test_a_spoilt_address_breaks_nothing(owner, batch, failed):
    assert live(owner, batch, "", failed=failed).status_code == 200


def test_what_stayed_is_named_on_the_progress(owner, webhook, product):
    never = make_product(name="Never one")
    webhook.product_subscriptions.create(product=never)
    announce(make_publication(product), by=BY)
    answer = press(owner, webhook, follow=True)
    assert "Left out: 1 product Never one No version has been published yet" in text_of(answer)


def test_one_that_was_cut_off_says_so(owner, batch):
    SendBatch.objects.update(
        written_at=None,
        wanted=5,
        created_at=timezone.now() - timezone.timedelta(seconds=WRITING_SECONDS + 1),
    )
    assert "Only 2 of 5 notifications were written down" in text_of(owner.client.get(path_of(batch)))


def test_list_details_and_home_lead_back_while_it_runs(owner, viewer, batch, webhook, work):
    pages = (LIST, reverse("dispatch:webhook-detail", args=[webhook.uuid]), reverse("portal:home"))
    for person in (owner, viewer):
        for page in pages:
            html = person.client.get(page).content.decode()
            assert path_of(batch) in html, page
            assert "Sending: 0 of 2" in html
    work()
    for page in pages:
        assert path_of(batch) not in owner.client.get(page).content.decode()


def test_more_notifications_need_no_more_queries(owner, batch, webhook, django_assert_max_num_queries):
    other = make_webhook(participant=owner.participant, products=webhook_products(webhook))
    assert owner.client, "signed in before the counting begins"
    with django_assert_max_num_queries(12):
        owner.client.get(path_of(batch))
    with django_assert_max_num_queries(14):
        assert "Will be sent: 2" in text_of(owner.client.get(create_path(other)))


# --- stop ---------------------------------------------------------------------------------------------------------


def test_stop_cancels_what_waits_and_says_how_many(teammate, batch):
    answer = teammate.client.post(path_of(batch, "stop"), follow=True)
    assert "Stopped. 2 notifications were cancelled." in text_of(answer)
    assert "Stopped: 0 of 2 notifications delivered" in text_of(answer)
    assert set(batch.deliveries.values_list("state", "reason")) == {("cancelled", "stopped_by_user")}
    again = teammate.client.post(path_of(batch, "stop"), follow=True)
    assert "there is nothing to stop" in text_of(again)


def test_stop_answers_the_fragment_where_there_is_a_script(owner, batch):
    answer = owner.client.post(path_of(batch, "stop"), {"dialog": "1"}, headers=HTMX)
    html = answer.content.decode()
    assert 'data-announce="Stopped. 2 notifications were cancelled."' in html
    assert "data-live" not in html
    # The way back is taken away where the dialog was opened from.
    assert re.search(rf'id="batch-strip-{batch.webhook.uuid}" hx-swap-oob="true"></span>', html)


# --- who may ------------------------------------------------------------------------------------------------------


def rows():
    return list(Delivery.objects.order_by("pk").values_list("pk", "state")), list(SendBatch.objects.values())


@pytest.mark.parametrize("kind", ["send-all", "resend-pending"])
@pytest.mark.parametrize(("who", "status"), [("outsider", 404), ("viewer", 403), ("officer", 403)])
def test_who_may_not_send_is_refused_and_nothing_changes(request, who, status, webhook, product, owner, kind):
    """X-4."""
    announce(make_publication(product), by=BY)
    form, before = form_of(owner.client.get(create_path(webhook, kind))), rows()
    person = request.getfixturevalue(who)
    assert person.client.get(create_path(webhook, kind)).status_code == status
    assert person.client.post(create_path(webhook, kind), form).status_code == status
    assert rows() == before


@pytest.mark.parametrize(
    ("who", "sees", "stops"), [("outsider", 404, 404), ("viewer", 200, 403), ("officer", 403, 403)]
)
def test_who_may_watch_and_who_may_stop(request, batch, who, sees, stops):
    """X-4."""
    person, before = request.getfixturevalue(who), rows()
    assert person.client.get(path_of(batch)).status_code == sees
    assert live(person, batch).status_code == sees
    assert person.client.post(path_of(batch, "stop")).status_code == stops
    assert rows() == before


def test_a_batch_is_found_under_its_own_webhook_only(owner, batch):
    other = make_webhook(participant=owner.participant)
    assert owner.client.get(reverse("dispatch:batch-detail", args=[other.uuid, batch.uuid])).status_code == 404


def test_an_outsiders_batch_does_not_take_a_token(owner, outsider, webhook, product, batch, work):
    """A token is no key: somebody else's leads nowhere."""
    work()
    theirs = make_webhook(participant=outsider.participant, products=[product])
    page = outsider.client.get(create_path(theirs))
    answer = outsider.client.post(create_path(theirs), form_of(page) | {"token": str(batch.uuid)})
    assert "out of date" in text_of(answer)
    assert SendBatch.objects.count() == 1


@pytest.mark.parametrize(("language", "words"), [("en", "failed 9 Nov 08:05"), ("pt-br", "falhou 09/11 08:05")])
def test_the_day_of_the_last_one_is_written_as_its_reader_writes_it(language, words):
    moment = datetime(2025, 11, 9, 8, 5, tzinfo=timezone.get_default_timezone())
    with translation.override(language):
        assert previews._last_words(Last("failed", 1, moment, moment)) == words
