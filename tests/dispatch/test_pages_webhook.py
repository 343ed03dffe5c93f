"""The details of a webhook: who sees what, Enviar with and without a script, and a page that keeps itself current."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone

from access.actors import Actor
from access.models import AuditEntry
from dispatch import waiting_room
from dispatch.actions import publish
from dispatch.models import Delivery, Lane, ProductStatus
from tests.factories import make_delivery, make_event, make_product, make_publication, make_webhook
from tests.receiver import Answer
from webhooks.actions import stop_webhook
from webhooks.models import Webhook
from webhooks.values import HeaderValues

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def webhook(owner, loopback, receiver, product):
    return make_webhook(
        participant=owner.participant,
        description="Preços",
        request_uri=receiver.url("/hook?key=CANARY-in-the-query"),
        products=[product],
    )


@pytest.fixture(autouse=True)
def _nobody_waits_long(monkeypatch):
    monkeypatch.setattr(waiting_room, "PATIENCE_SECONDS", 0.2)


def detail(webhook):
    return reverse("dispatch:webhook-detail", args=[webhook.uuid])


def send_path(webhook, product):
    return reverse("dispatch:product-send", args=[webhook.uuid, product.uuid])


def row_path(webhook, product, until=9e15):
    return f"{reverse('dispatch:product-row', args=[webhook.uuid, product.uuid])}?until={until}"


def text_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def published(product, content=b"hour;price\n", period="2020-08-15"):
    return publish(product, period=period, upload=ContentFile(content, "data.csv"), by=BY).publication


def stamp_of(response):
    return re.search(r"seen=([0-9a-f]{16})", response.content.decode())[1]


# --- the status of the last notification (ONS-10, ONS-15) ---------------------------------------------------------


def test_each_product_shows_the_status_of_its_last_notification(owner, webhook, product, receiver, work):
    """ONS-15, ONS-07."""
    failing, never = make_product(name="Failing one"), make_product(name="Never one")
    for other in (failing, never):
        webhook.product_subscriptions.create(product=other)
    published(product)
    work()
    receiver.answer("/hook", Answer(500))
    published(failing)
    work()
    page = owner.client.get(detail(webhook))
    rows = {row.product.pk: row for row in page.context["page"].rows}
    assert rows[product.pk].state.word == "Delivered"
    assert re.fullmatch(r"200 in \d\.\d\d s", rows[product.pk].state.below)
    assert rows[product.pk].attempts == "1 of 5"
    due = timezone.localtime(Delivery.objects.get(state="waiting").due_at)
    assert rows[failing.pk].state.word == f"New attempt at {due:%H:%M}"
    assert rows[failing.pk].state.below == "Error in the receiver: 500"
    assert rows[never.pk].state.word == "Never published"
    assert "New attempt at" in text_of(page)
    for row in (rows[product.pk], rows[failing.pk]):
        assert ProductStatus.objects.get(product=row.product).delivery == row.delivery


def test_the_status_may_be_about_an_older_version_and_says_so(owner, webhook, product, work):
    """ONS-15: a webhook that was inactive while the newer one came out."""
    published(product)
    work()
    Webhook.objects.update(active=False)
    published(product, period="2020-08-16")
    row = owner.client.get(detail(webhook)).context["page"].rows[0]
    assert row.latest.reference_text == "16/08/2020"
    assert row.state.word == "Delivered"
    assert row.state.below.endswith("about 15/08/2020")


def test_a_product_selected_after_its_publication_was_not_sent_yet(owner, webhook):
    late = make_product(name="Late one")
    make_publication(late)
    webhook.product_subscriptions.create(product=late)
    row = owner.client.get(detail(webhook)).context["page"].rows[0]
    assert (row.product, row.state.word, row.refusal) == (late, "Not sent yet", "")


def test_a_product_whose_grant_was_taken_back_shows_no_version_and_cannot_be_sent(owner, webhook):
    """X-4."""
    secret = make_product(name="Granted one", granted_to=[owner.participant])
    make_publication(secret, file_name="secret.csv")
    webhook.product_subscriptions.create(product=secret)
    secret.grants.all().delete()
    row = next(row for row in owner.client.get(detail(webhook)).context["page"].rows if row.product == secret)
    assert row.latest is None
    assert "not available" in row.refusal
    answer = owner.client.post(send_path(webhook, secret), headers=HTMX)
    assert "not available" in text_of(answer)
    assert not Delivery.objects.exists()


def test_the_state_of_the_webhook_stands_beside_its_name(owner, webhook, product, receiver, work):
    def word():
        return owner.client.get(detail(webhook)).context["page"].health.state.word

    assert word() == "Waiting for the first"
    published(product)
    work()
    assert word() == "Healthy"
    receiver.answer("/hook", Answer(401))
    published(product, b"second")
    work()
    assert word() == "Failing: 401"
    Webhook.objects.update(active=False)
    assert word() == "Inactive"
    Webhook.objects.update(active=True)
    stop_webhook(webhook, reason="gone", by=BY)
    assert word() == "Stopped: 410"


def test_what_went_wrong_comes_first_in_plain_words(owner, webhook, product, receiver, work):
    receiver.answer("/hook", Answer(401))
    published(product)
    work()
    words = text_of(owner.client.get(detail(webhook)))
    for part in ("Not authorised: 401, since", "What happened", "Probable cause", "What to do", "Participant's side"):
        assert part in words
    assert words.index("What happened") < words.index("Products of this webhook")


def test_a_stopped_webhook_says_that_its_address_is_gone(owner, webhook, product, receiver, work):
    receiver.answer("/hook", Answer(410))
    published(product)
    work()
    words = text_of(owner.client.get(detail(webhook)))
    assert "Gone: 410" in words
    assert "This webhook is stopped." in words


def test_figures_count_the_attempts_of_fourteen_days(owner, webhook, product, receiver, work):
    published(product)
    work()
    receiver.answer("/hook", Answer(500))
    published(product, b"second")
    work()
    figures = owner.client.get(detail(webhook)).context["page"].figures
    assert (figures.delivered, figures.failed, figures.share) == (1, 1, "50.0%")
    assert len(figures.days) == 14
    assert (figures.days[-1].delivered, figures.days[-1].failed) == (1, 1)
    assert figures.median_ms is not None
    assert figures.median_ms >= 0


def test_recent_attempts_lead_to_their_delivery(owner, webhook, product, receiver, work):
    receiver.answer("/hook", *[Answer(500), Answer(200)])
    published(product)
    work()
    delivery = Delivery.objects.get()
    page = owner.client.get(detail(webhook))
    assert reverse("dispatch:delivery-detail", args=[delivery.uuid]) in page.content.decode()
    [day] = page.context["page"].recent
    assert day.title.startswith("Today")
    assert day.attempts[0].words == "attempt 1 · 500"


def test_products_are_searched_by_name(owner, webhook, product):
    other = make_product(name="Reservoir levels")
    webhook.product_subscriptions.create(product=other)
    rows = owner.client.get(detail(webhook), {"q": "reservoir"}).context["page"].rows
    assert [row.product for row in rows] == [other]
    assert "No product of this webhook matches." in text_of(owner.client.get(detail(webhook), {"q": "nothing like it"}))
    assert owner.client.get(detail(webhook), {"q": "a\0b"}).status_code == 200


# --- the request that would be sent -------------------------------------------------------------------------------


@pytest.fixture
def guarded(owner, webhook):
    """With a token, an own secret header and a plain one."""
    from tests.factories import webhook_values
    from webhooks.actions import update_webhook

    values = webhook_values(
        description="Preços",
        request_uri=webhook.request_uri,
        products=[],
        auth_method="secret",
        auth_secrets={"secret": "CANARY-token"},
        headers=(
            HeaderValues("X-Key", "CANARY-header"),
            HeaderValues("X-Origin", "it's us", secret=False),
            HeaderValues("X-`id`", "CANARY-backtick"),
        ),
    )
    return update_webhook(webhook, values=values, by=BY)


def test_the_request_is_shown_with_its_secrets_masked(owner, guarded):
    """X-2, X-3."""
    page = owner.client.get(detail(guarded))
    lines = {line.name: line for line in page.context["panel"].lines}
    assert lines["Authorization"].kind == lines["X-Key"].kind == "secret"
    assert lines["X-Origin"].value == "it's us"
    assert lines["webhook-signature"].kind == "live"
    assert "CANARY-token" not in page.content.decode()
    assert "CANARY-header" not in page.content.decode()
    assert guarded.signing_secret not in page.content.decode()


def test_the_curl_command_has_variables_in_place_of_secrets_and_no_hole_for_a_shell(owner, guarded):
    curl = owner.client.get(detail(guarded)).context["panel"].curl
    assert """-H 'Authorization: '"$AUTHORIZATION" """ in curl
    assert """-H 'X-`id`: '"$X__ID_" """ in curl
    assert "-H 'X-Origin: it'\\''s us'" in curl
    assert "••••" not in curl


def test_the_example_carries_no_link_that_opens(owner, webhook, product):
    make_publication(product)
    body = "".join(
        line.indent + line.key + line.rest for line in owner.client.get(detail(webhook)).context["panel"].body
    )
    assert product.name in body
    assert "/d/…" in body


# --- who may do what ----------------------------------------------------------------------------------------------


def test_a_viewer_sees_the_page_but_no_header_no_query_value_and_no_button(viewer, guarded, product):
    """X-4: requests' headers and values of addresses are for those who configure."""
    guarded.product_subscriptions.create(product=product)
    make_publication(product)
    page = viewer.client.get(detail(guarded))
    html = page.content.decode()
    assert page.status_code == 200
    assert "CANARY" not in html
    assert "key=••••" in html
    assert not page.context["panel"].lines
    assert page.context["panel"].curl == ""
    assert "webhook-signature" not in html
    assert send_path(guarded, product) not in html


def test_a_technical_user_sees_the_address_whole(teammate, webhook):
    assert "CANARY-in-the-query" in teammate.client.get(detail(webhook)).content.decode()


@pytest.mark.parametrize("who", ["outsider", "viewer", "officer"])
def test_who_may_not_press_enviar_is_refused_and_nothing_is_made(who, request, webhook, product):
    """X-4, ONS-11."""
    make_publication(product)
    person = request.getfixturevalue(who)
    for headers in ({}, HTMX):
        answer = person.client.post(send_path(webhook, product), headers=headers)
        assert answer.status_code == (404 if who == "outsider" else 403)
    assert not Delivery.objects.exists()
    assert not AuditEntry.objects.filter(action="dispatch.delivery.requested").exists()


def test_somebody_else_finds_none_of_the_pages(outsider, webhook, product):
    """X-4."""
    for path in (
        detail(webhook),
        reverse("dispatch:webhook-live", args=[webhook.uuid]),
        row_path(webhook, product),
    ):
        assert outsider.client.get(path).status_code == 404


def test_nobody_signed_in_is_led_to_the_entrance(client, webhook, product):
    assert client.get(detail(webhook)).status_code == 302
    assert client.post(send_path(webhook, product)).status_code == 302
    answer = client.get(reverse("dispatch:webhook-live", args=[webhook.uuid]), headers=HTMX)
    assert (answer.status_code, "HX-Redirect" in answer.headers) == (401, True)


def test_wrong_methods_and_bad_identifiers(owner, webhook, product):
    assert owner.client.get(send_path(webhook, product)).status_code == 405
    assert owner.client.post(detail(webhook)).status_code == 405
    assert owner.client.post(row_path(webhook, product)).status_code == 405
    assert owner.client.get(detail(webhook).replace(str(webhook.uuid), "no-uuid")).status_code == 404
    assert owner.client.get(reverse("dispatch:webhook-detail", args=[uuid4()])).status_code == 404
    elsewhere = make_product()
    assert owner.client.post(send_path(webhook, elsewhere)).status_code == 404
    assert not Delivery.objects.exists()


# --- Enviar (ONS-11) ----------------------------------------------------------------------------------------------


def test_enviar_answers_the_row_at_once_and_the_row_asks_until_there_is_a_result(
    owner, webhook, product, receiver, work
):
    """ONS-11."""
    make_published(product)
    answer = owner.client.post(send_path(webhook, product), headers=HTMX)
    html = answer.content.decode()
    assert answer.status_code == 200
    assert f'id="product-{product.uuid}"' in html
    assert 'hx-trigger="every 300ms"' in html
    assert f'data-announce="Sending {product.name}"' in html
    assert 'aria-busy="true"' in html
    poll = re.search(r'hx-get="([^"]+)"', html)[1]
    assert owner.client.get(poll).status_code == 204
    work()
    done = owner.client.get(poll)
    assert "Delivered" in text_of(done)
    assert f"{product.name}: Delivered. 200 in" in done.content.decode()
    assert "every 300ms" not in done.content.decode()
    assert receiver.wait_for(1)[0].header("gancho-cause") == "enviar"


def make_published(product):
    """A publication with its event, that no webhook was told of."""
    return make_event(publication=make_publication(product)).publication


def test_a_failed_attempt_is_a_result_too(owner, webhook, product, receiver, work):
    make_published(product)
    receiver.answer("/hook", Answer(500))
    owner.client.post(send_path(webhook, product), headers=HTMX)
    work()
    done = text_of(owner.client.get(row_path(webhook, product)))
    assert "New attempt at" in done
    assert "Error in the receiver: 500" in done


def test_after_its_time_the_row_says_what_it_waits_for(owner, webhook, product):
    make_published(product)
    owner.client.post(send_path(webhook, product), headers=HTMX)
    answer = owner.client.get(row_path(webhook, product, until=1))
    assert "No dispatcher is running" in text_of(answer)
    assert "every 300ms" not in answer.content.decode()
    Lane.objects.update(open_at=timezone.now() + timedelta(minutes=5))
    from dispatch.models import DispatcherBeat

    DispatcherBeat.objects.create(name="d", started_at=timezone.now(), beat_at=timezone.now())
    assert "The receiver asked for a pause until" in text_of(owner.client.get(row_path(webhook, product, until=1)))


@pytest.mark.parametrize("until", ["nan", "inf", "", "soon", "-1"])
def test_a_strange_time_limit_is_no_error(owner, webhook, product, until):
    assert owner.client.get(row_path(webhook, product, until=until)).status_code == 200


def test_pressed_twice_it_is_sent_once(owner, webhook, product, receiver, work):
    """ONS-11: fifty presses are one delivery."""
    make_published(product)
    owner.client.post(send_path(webhook, product), headers=HTMX)
    again = owner.client.post(send_path(webhook, product), headers=HTMX)
    assert "is already on its way" in again.content.decode()
    work()
    assert Delivery.objects.count() == 1
    assert len(receiver.wait_for(1)) == 1


def test_without_a_script_the_page_comes_back_with_the_result(owner, webhook, product, work, monkeypatch):
    """ONS-11: the request waits a little, and the dispatcher sends meanwhile."""
    make_published(product)
    monkeypatch.setattr(waiting_room.time, "sleep", lambda seconds: work())
    answer = owner.client.post(send_path(webhook, product), follow=True)
    assert answer.redirect_chain == [(detail(webhook), 303)]
    [message] = answer.context["messages"]
    assert message.level_tag == "success"
    assert str(message).startswith(f"{product.name}: Delivered: 200 in")


def test_without_a_script_and_a_result_the_page_says_what_it_waits_for(owner, webhook, product):
    make_published(product)
    answer = owner.client.post(send_path(webhook, product), follow=True)
    [message] = answer.context["messages"]
    assert "No dispatcher is running" in str(message)
    assert "On its way" in text_of(answer)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"active": False}, "This webhook is inactive."),
        ({"stopped_at": timezone.now(), "stopped_reason": "gone"}, "This webhook is stopped."),
        ({"ready": False}, "authentication is incomplete"),
        ({"active": False, "archived_at": timezone.now()}, "This webhook is archived."),
    ],
)
def test_a_webhook_that_may_not_be_called_says_why_beside_the_button(owner, webhook, product, columns, why):
    make_published(product)
    Webhook.objects.update(**columns)
    page = owner.client.get(detail(webhook))
    assert why in page.context["page"].rows[0].refusal
    assert 'aria-disabled="true" aria-describedby="why-' in page.content.decode()
    assert why in text_of(owner.client.post(send_path(webhook, product), headers=HTMX))
    assert not Delivery.objects.exists()


def test_a_product_never_published_says_so_beside_the_button(owner, webhook, product):
    assert "It can be sent from its first version on" in text_of(owner.client.get(detail(webhook)))
    assert "has not been published yet" in text_of(owner.client.post(send_path(webhook, product), headers=HTMX))
    assert not Delivery.objects.exists()


# --- a page that keeps itself current -----------------------------------------------------------------------------


def live(person, webhook, seen):
    return person.client.get(f"{reverse('dispatch:webhook-live', args=[webhook.uuid])}?seen={seen}", headers=HTMX)


def test_an_open_page_hears_of_a_publication_and_of_its_result(owner, webhook, product, work):
    """ONS-15, ONS-03: without a reload."""
    seen = stamp_of(owner.client.get(detail(webhook)))
    assert live(owner, webhook, seen).status_code == 204
    published(product)
    news = live(owner, webhook, seen)
    assert news.status_code == 200
    assert "On its way" in text_of(news)
    seen = stamp_of(news)
    assert live(owner, webhook, seen).status_code == 204
    work()
    news = live(owner, webhook, seen)
    assert "Delivered" in text_of(news)
    assert "Healthy" in text_of(news)
    for part in ("webhook-state", "webhook-troubles", "webhook-figures", "webhook-recent", "menu-problems"):
        assert re.search(rf'id="{part}"[^>]* hx-swap-oob="true"', news.content.decode())
    assert live(owner, webhook, stamp_of(news)).status_code == 204


def test_the_menus_number_of_problems_comes_with_the_news(owner, webhook):
    Lane.objects.update_or_create(webhook=webhook, defaults={"failures_in_row": 5, "failing_since": timezone.now()})
    assert "1 webhook with a problem" in live(owner, webhook, "nonsense").content.decode()


def test_a_stamp_that_is_none_brings_the_news(owner, webhook):
    assert live(owner, webhook, "nonsense").status_code == 200


def test_the_page_needs_few_queries_whatever_it_shows(
    owner, webhook, product, work, receiver, django_assert_max_num_queries
):
    for _ in range(12):
        other = make_product()
        webhook.product_subscriptions.create(product=other)
        published(other)
    work()
    make_delivery(webhook=webhook, event=make_event(), state="held", reason="webhook_inactive", due_at=None)
    assert owner.client, "signed in before the counting begins"
    with django_assert_max_num_queries(17):
        page = owner.client.get(detail(webhook))
    assert len(page.context["page"].rows) == webhook.product_subscriptions.count() >= 13
    with django_assert_max_num_queries(17):
        live(owner, webhook, "")


def test_what_is_promised_of_the_first_notification_is_what_can_happen(owner, viewer, webhook):
    promise = "The first notification appears here"
    assert f"{promise} as soon as a selected product is published, or when you press Send." in text_of(
        owner.client.get(detail(webhook))
    )
    assert f"{promise} as soon as a selected product is published. " in text_of(viewer.client.get(detail(webhook)))
    Webhook.objects.update(active=False)
    assert f"{promise} once this webhook may be sent to." in text_of(owner.client.get(detail(webhook)))


def test_a_button_with_nothing_to_resend_says_nought(owner, webhook):
    assert "Resend pending 0" in text_of(owner.client.get(detail(webhook)))


def test_who_only_looks_is_told_whose_turn_it_is(owner, viewer, webhook):
    stop_webhook(webhook, reason="gone", by=BY)
    turn = "Only a technical user or an administrator of your organisation can do this."
    assert turn in text_of(viewer.client.get(detail(webhook)))
    assert turn not in text_of(owner.client.get(detail(webhook)))
