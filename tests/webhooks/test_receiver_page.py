"""The receiver that is written for one webhook: it checks what that webhook sends, and holds no secret."""

import ast
import re
from html import unescape
from itertools import product as combinations
from typing import Any

import pytest
from django.urls import reverse

from tests.factories import make_connection, make_key_pair, make_webhook
from tests.people import Person
from webhooks.auth.registry import METHODS
from webhooks.models import Webhook
from webhooks.samples.languages import LANGUAGES
from webhooks.samples.recipe import TAGS, Recipe, build_recipe, find_own_port
from webhooks.samples.writing import write_sample
from webhooks.values import HeaderValues

pytestmark = pytest.mark.django_db
CANARY = "CANARY-0f1e2d3c4b5a"
SECTIONS = ("header", "basic", "bearer", "own_token", TAGS)
NAMES = {"HEADER": "X-Token", "SIGNATURE_HEADER": "X-S", "NONCE_HEADER": "X-N", "TIMESTAMP_HEADER": "X-T"}


def page(person: Person, webhook: Webhook, name: str = "webhook-receiver", **query: str) -> Any:
    url = reverse(f"webhooks:{name}", args=[webhook.uuid])
    return person.client.get(url, query, headers={"accept-language": "en"})


def tagged(*values: str, secret: bool = False) -> tuple[HeaderValues, ...]:
    return tuple(HeaderValues(f"X-{number}", value, secret=secret) for number, value in enumerate(values))


def with_connection(kind: str, method: str, **over: Any) -> Webhook:
    connection = make_connection(kind=kind)
    settings = {"connection": str(connection.uuid)}
    webhook: Webhook = make_webhook(
        participant=connection.participant, auth_method=method, auth_settings=settings, **over
    )
    return webhook


@pytest.mark.parametrize(
    ("over", "sections", "names"),
    [
        ({"auth_method": "none"}, set(), {}),
        ({"auth_method": "secret", "auth_secrets": {"secret": "s"}}, {"header"}, {"HEADER": "Authorization"}),
        (
            {"auth_method": "secret", "auth_secrets": {"secret": "s"}, "auth_settings": {"header_name": "X-Token"}},
            {"header"},
            {"HEADER": "X-Token"},
        ),
        (
            {"auth_method": "basic", "auth_settings": {"username": "u"}, "auth_secrets": {"password": "p"}},
            {"basic"},
            {},
        ),
        (
            {
                "auth_method": "basic",
                "auth_settings": {"username": "u", "token_header": "X-Token"},
                "auth_secrets": {"password": "p", "token": "t"},
            },
            {"basic", "header"},
            {"HEADER": "X-Token"},
        ),
    ],
)
def test_a_receiver_checks_what_its_webhook_sends(
    over: dict[str, Any], sections: set[str], names: dict[str, str]
) -> None:
    recipe = build_recipe(make_webhook(**over))
    assert (recipe.sections, recipe.names) == (sections, names)


@pytest.mark.parametrize(
    ("kind", "method", "section"),
    [("oauth2", "oauth2", "bearer"), ("jwt_7523", "jwt", "bearer"), ("jwt_7519", "jwt", "own_token")],
)
def test_a_token_is_checked_by_who_gave_it(kind: str, method: str, section: str) -> None:
    assert build_recipe(with_connection(kind, method)).sections == {section}


def test_every_method_says_what_a_receiver_checks() -> None:
    """A new method must say so, or its samples would let everybody in who knows the signing secret only."""
    silent = {name for name, method in METHODS.items() if not list(method.receiver_checks({}, ""))}
    assert silent == {"none"}


def test_tags_alone_in_their_headers_are_checked() -> None:
    headers = tagged("{{signature}}", "{{ nonce }}", "{{timestamp}}", "{{algorithm}}")
    recipe = build_recipe(with_connection("jwt_7523", "jwt", headers=headers))
    assert recipe.sections == {"bearer", TAGS}
    assert recipe.names == {"SIGNATURE_HEADER": "X-0", "NONCE_HEADER": "X-1", "TIMESTAMP_HEADER": "X-2"}
    assert not recipe.other_tags


@pytest.mark.parametrize("values", [("v1={{signature}}", "{{nonce}}", "{{timestamp}}"), ("{{signature}}", "{{nonce}}")])
def test_tags_that_the_samples_can_not_check_are_told_of(owner: Person, values: tuple[str, ...]) -> None:
    webhook = with_connection("jwt_7523", "jwt", headers=tagged(*values))
    recipe = build_recipe(webhook)
    assert TAGS not in recipe.sections
    assert recipe.other_tags


def test_a_client_certificate_is_left_to_what_stands_in_front(owner: Person) -> None:
    key_pair = make_key_pair(participant=owner.participant)
    webhook = make_webhook(participant=owner.participant, client_key_pair_id=key_pair.pk)
    assert build_recipe(webhook).client_certificate
    assert "ssl_verify_client on;" in page(owner, webhook).text


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("http://127.0.0.1:9000/", 9000),
        ("http://localhost:9100/hook", 9100),
        ("http://127.0.0.1/", 80),
        ("https://127.0.0.1:9000/", None),
        ("http://127.0.0.1.example:9000/", None),
        ("http://[::1]:9000/", None),
        ("https://receiver.example/hook", None),
    ],
)
def test_an_address_of_this_machine_needs_no_proxy(address: str, port: int | None) -> None:
    assert find_own_port(address) == port


def test_the_page_sets_the_port_that_the_webhook_calls(owner: Person, loopback: None) -> None:
    texts = {}
    for address in ("http://127.0.0.1:9000/", "http://127.0.0.1:9100/", "https://receiver.example/hook"):
        texts[address] = page(owner, make_webhook(participant=owner.participant, request_uri=address)).text
    assert [address for address, text in texts.items() if "export PORT=" in text] == ["http://127.0.0.1:9100/"]
    assert "export PORT='9100'" in texts["http://127.0.0.1:9100/"]
    assert "listens on http://127.0.0.1:9100," in texts["http://127.0.0.1:9100/"]
    assert [address for address, text in texts.items() if "A proxy with https" in text] == [
        "https://receiver.example/hook"
    ]


def test_every_combination_of_checks_is_written_whole() -> None:
    for chosen in combinations((False, True), repeat=len(SECTIONS)):
        sections = frozenset(name for name, wanted in zip(SECTIONS, chosen, strict=True) if wanted)
        if {"bearer", "own_token"} <= sections:
            continue  # a webhook has one authentication
        for language in LANGUAGES.values():
            text = write_sample(language, Recipe(sections, NAMES))
            assert not re.search(rf"@@|^{re.escape(language.comment)}: ", text, re.MULTILINE)
            for setting in Recipe(sections).settings_for(language.code):
                assert f'"{setting.name}"' in text
        ast.parse(write_sample(LANGUAGES["python"], Recipe(sections, NAMES)))


def test_a_receiver_asks_for_nothing_that_its_webhook_does_not_need() -> None:
    every = {setting.name for setting in Recipe(frozenset(SECTIONS)).settings_for("java")}
    for language in LANGUAGES.values():
        text = write_sample(language, Recipe(frozenset()))
        assert "WEBHOOK_SECRET" in text
        assert not [name for name in every - {"WEBHOOK_SECRET"} if name in text]


def test_a_name_of_a_header_can_not_break_out_of_its_quotes() -> None:
    """RFC 9110 lets a token hold these; all four languages read JSON's way of writing them."""
    name = "X-!#$%&'*+.^_`|~"
    for language in LANGUAGES.values():
        assert f'"{name}"' in write_sample(language, Recipe(frozenset({"header"}), {"HEADER": name}))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "over",
    [
        {"auth_method": "secret", "auth_secrets": {"secret": CANARY}, "auth_settings": {"header_name": "X-Token"}},
        {
            "auth_method": "basic",
            "auth_settings": {"username": "u", "token_header": "X-Token"},
            "auth_secrets": {"password": CANARY, "token": CANARY + "-2"},
        },
        {"headers": (HeaderValues("X-Key", CANARY), HeaderValues("X-Open", CANARY + "-open", secret=False))},
    ],
    ids=["token", "basic", "headers"],
)
def test_x_3_no_secret_stands_in_a_receiver_or_on_its_page(owner: Person, language: str, over: dict[str, Any]) -> None:
    webhook = make_webhook(participant=owner.participant, **over)
    for name in ("webhook-receiver", "webhook-receiver-file"):
        text = page(owner, webhook, name, language=language).text
        assert "CANARY" not in text
        assert webhook.signing_secret.removeprefix("whsec_") not in text


def test_x_3_no_secret_of_a_connection_stands_there_either(owner: Person) -> None:
    connection = make_connection(participant=owner.participant, secrets={"client_secret": CANARY})
    settings = {"connection": str(connection.uuid)}
    webhook = make_webhook(participant=owner.participant, auth_method="oauth2", auth_settings=settings)
    for language in LANGUAGES:
        assert "CANARY" not in page(owner, webhook, language=language).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_the_very_file_that_it_gives(owner: Person, language: str) -> None:
    webhook = make_webhook(
        participant=owner.participant, auth_method="secret", auth_secrets={"secret": "s"}, description="<b>Ordem"
    )
    shown = re.search(r'id="receiver-text"[^>]*>(.*?)</pre>', page(owner, webhook, language=language).text, re.DOTALL)
    given = page(owner, webhook, "webhook-receiver-file", language=language)
    assert shown
    assert unescape(shown[1]) == given.text
    assert given["Content-Type"] == "text/plain; charset=utf-8"
    assert given["Content-Disposition"] == f'attachment; filename="{LANGUAGES[language].file_name}"'


def test_a_language_that_there_is_not_is_not_found(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    assert page(owner, webhook, language="cobol").status_code == 404
    assert page(owner, webhook, "webhook-receiver-file", language="../x").status_code == 404


def test_the_pages_before_it_lead_to_it(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    link = f'href="{reverse("webhooks:webhook-receiver", args=[webhook.uuid])}"'
    for name in ("webhooks:webhook-secret", "dispatch:webhook-detail"):
        assert link in owner.client.get(reverse(name, args=[webhook.uuid])).text


def test_the_page_asks_for_few_queries(owner: Person, django_assert_max_num_queries: Any) -> None:
    webhook = make_webhook(participant=owner.participant)
    page(owner, webhook)
    with django_assert_max_num_queries(12):
        page(owner, webhook)
