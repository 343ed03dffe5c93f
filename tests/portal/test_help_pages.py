"""The documentation inside the product: made of the reader's own products and webhooks, and true."""

import json
import re
from datetime import timedelta
from html import unescape
from itertools import pairwise
from typing import Any

import pytest
from django.urls import reverse
from django.utils.translation import override
from standardwebhooks import Webhook as Reference

from dispatch.retry import Policy, plan_starts
from portal.help.timeline import build_timeline, duration_text
from tests.factories import make_product, make_publication, make_webhook
from tests.people import Person
from webhooks.diagnosis import DIAGNOSES

pytestmark = pytest.mark.django_db
PAGES = ("help-home", "help-receiving", "help-formats", "help-retries", "help-failures")


def page(person: Person, name: str, **query: str) -> str:
    answer = person.client.get(reverse(f"portal:{name}"), query, headers={"accept-language": "en"})
    assert answer.status_code == 200
    return answer.text


def code_blocks(text: str) -> list[str]:
    blocks = re.findall(r'<pre class="code"[^>]*>(.*?)</pre>', text, re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", block)) for block in blocks]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_for_a_participant_that_has_nothing_yet(viewer: Person, name: str) -> None:
    assert f'href="{reverse("portal:help-home")}"' in page(viewer, name)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_asks_for_more_than_fifteen_queries(
    owner: Person, name: str, django_assert_max_num_queries: Any
) -> None:
    product = make_product()
    for _ in range(3):
        make_publication(product)
        make_webhook(participant=owner.participant, products=[product])
    page(owner, name)
    with django_assert_max_num_queries(15):
        page(owner, name)


def test_the_request_that_is_shown_is_signed_with_the_secret_that_is_shown(owner: Person) -> None:
    text = page(owner, "help-receiving")
    request, secret, _curl = code_blocks(text)
    head, _, body = request.partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    key = re.search(r"whsec_[\w+/=]+", secret)
    assert key
    assert Reference(key[0]).verify(body, headers) == json.loads(body)


def test_the_curl_command_sends_that_very_request(owner: Person) -> None:
    request, _secret, curl = code_blocks(page(owner, "help-receiving"))
    head, _, body = request.partition("\n\n")
    # What comes back is shown: a success has no body.
    assert curl.startswith("curl -i ")
    assert f"--data-raw '{body}'" in curl
    for line in head.splitlines()[2:]:
        assert f"-H '{line}'" in curl


def test_formats_are_shown_with_the_products_of_the_reader(owner: Person) -> None:
    chosen, other = make_product(name="Carga horária"), make_product(name="Preços da semana")
    make_webhook(participant=owner.participant, products=[chosen])
    for product in (chosen, other):
        make_publication(product, period="2026-03-07")
    blocks = code_blocks(page(owner, "help-formats"))
    bodies = [json.loads(block) for block in blocks]
    assert [body.get("Nome") or body.get("nome") or body["data"]["Nome"] for body in bodies] == ["Carga horária"] * 3
    assert bodies[0]["DataProduto"] == "07/03/2026"
    asked = code_blocks(page(owner, "help-formats", product=str(other.uuid)))
    assert json.loads(asked[0])["Nome"] == "Preços da semana"


def test_formats_show_no_product_of_somebody_else(owner: Person, outsider: Person) -> None:
    secret = make_product(name="Tarifa secreta", granted_to=[owner.participant])
    make_publication(secret)
    assert "Tarifa secreta" in page(owner, "help-formats")
    for wanted in ("", str(secret.uuid), "no uuid", "\0"):
        assert "Tarifa secreta" not in page(outsider, "help-formats", product=wanted)


def test_no_link_that_is_shown_opens_a_file(owner: Person) -> None:
    make_publication(make_product())
    links = re.findall(r"/d/([^\"&<' ]+)", unescape(page(owner, "help-formats")))
    assert set(links) == {"…"}


def test_the_timeline_is_that_of_the_webhooks_own_settings(owner: Person) -> None:
    slow = make_webhook(
        participant=owner.participant,
        retry_interval_seconds=1_800,
        max_attempts=4,
        backoff="exponential",
        description="A",
    )
    quick = make_webhook(participant=owner.participant, retry_interval_seconds=120, max_attempts=3, description="B")
    for webhook, expected in (
        (slow, [("at once", "–"), ("30 min", "30 min"), ("1 h 30 min", "1 h"), ("3 h 30 min", "2 h")]),
        (quick, [("at once", "–"), ("2 min", "2 min"), ("4 min", "2 min")]),
    ):
        text = page(owner, "help-retries", webhook=str(webhook.uuid))
        rows = re.findall(r'<td class="number">([^<]*)</td><td class="number">([^<]*)</td>', text)
        assert rows == expected
        assert text.count("<rect") == len(expected)


def test_the_timeline_of_another_participants_webhook_is_not_shown(owner: Person, outsider: Person) -> None:
    theirs = make_webhook(participant=owner.participant, description="Ordem secreta", max_attempts=7)
    text = page(outsider, "help-retries", webhook=str(theirs.uuid))
    assert "Ordem secreta" not in text
    assert text.count("<rect") == 5  # of a new webhook


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (30, "30 s"), (90, "1 min 30 s"), (3_600, "1 h"), (93_600, "1 d 2 h"), (86_461, "1 d 1 min")],
)
def test_durations_are_told_in_their_two_largest_units(seconds: int, words: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == words


def test_starts_follow_the_retry_rule_to_its_cap() -> None:
    assert plan_starts(Policy(60, 1)) == [timedelta(0)]
    starts = plan_starts(Policy(6 * 3_600, 5, exponential=True))
    pauses = [after - before for before, after in pairwise(starts)]
    assert pauses == [timedelta(hours=hours) for hours in (6, 12, 12, 12)]


def test_marks_stand_in_order_and_inside_the_drawing() -> None:
    for policy in (Policy(300, 20), Policy(300, 20, exponential=True), Policy(60, 1)):
        lefts = [stop.left for stop in build_timeline(policy).stops]
        assert lefts == sorted(lefts)
        assert min(lefts) >= 0
        assert max(lefts) <= 994


def test_every_diagnosis_has_its_place_on_the_page(owner: Person) -> None:
    text = page(owner, "help-failures")
    for code, diagnosis in DIAGNOSES.items():
        assert text.count(f'id="{code}"') == 1
        with override("en"):
            assert [step for step in diagnosis.steps if step not in unescape(text)] == []


def test_a_receiver_is_offered_to_those_who_may_have_it(owner: Person, viewer: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    link = f'href="{reverse("webhooks:webhook-receiver", args=[webhook.uuid])}"'
    assert link in page(owner, "help-home")
    assert link not in page(viewer, "help-home")
