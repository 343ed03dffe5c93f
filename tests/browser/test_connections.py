"""Connections in a real browser: fields by choice, refusals in place, uploads that stay, and Obter Credenciais."""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Page, expect

from connections.kinds.registry import KINDS
from connections.models import Connection, ConnectionRun, KeyPair
from outbound.policy import Policy, Verdict
from tests.browser.accessibility import find_violations
from tests.certificates import self_signed
from tests.connections.endpoint import PATH, json_answer, token_answer
from tests.connections.pages import CANARY, url
from tests.factories import make_connection, make_key_pair, make_webhook
from tests.people import Person
from tests.receiver import Receiver

SignIn = Callable[[Person], None]
pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


@pytest.fixture
def form(page: Page, sign_in: SignIn, owner: Person) -> Page:
    sign_in(owner)
    page.goto(url("connection-create", "oauth2"))
    return page


@pytest.fixture
def paths(owner: Person) -> list[str]:
    """Pages of a connection whose certificate ends soon, and of a run that was refused."""
    pair = make_key_pair(participant=owner.participant)
    connection = make_connection(participant=owner.participant, kind="jwt_7523", key_pair=pair)
    used = make_webhook(participant=owner.participant)
    type(used).objects.filter(pk=used.pk).update(connection=connection)
    now = timezone.now()
    values = {"connection": connection, "by": "Owner", "at": now, "purge_at": now + timedelta(days=1)}
    run = ConnectionRun.objects.create(**values, finished_at=now, diagnosis="token_invalid_client", response_status=401)
    pages: list[tuple[str, Any]] = [
        (name, None) for name in ("connection-list", "connection-choose", "key-pair-list", "key-pair-create")
    ]
    pages += [("connection-create", kind) for kind in KINDS]
    pages += [(f"connection-{name}", connection) for name in ("detail", "edit", "archive", "run")]
    pages += [(f"key-pair-{name}", pair) for name in ("detail", "replace", "archive")]
    return [url(name, row) for name, row in [*pages, ("run-detail", run)]]


@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_break_no_rule_of_accessibility(
    theme: Any, quarter: int, page: Page, sign_in: SignIn, owner: Person, paths: list[str]
) -> None:
    sign_in(owner)
    page.emulate_media(color_scheme=theme)

    for path in paths[quarter::4]:
        page.goto(path)
        assert find_violations(page) == [], path


@pytest.mark.parametrize("language", ["en", "pt-br"])
def test_nothing_is_wider_than_a_small_phone(
    language: str, page: Page, sign_in: SignIn, owner: Person, paths: list[str]
) -> None:
    owner.user.language = language
    owner.user.save()
    sign_in(owner)
    page.set_viewport_size({"width": 360, "height": 740})

    for path in paths:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path
        assert page.evaluate("document.documentElement.lang") == language


def token() -> str:
    parts = ({"alg": "PS256", "kid": "btg-2026"}, {"sub": "app-vento", "exp": 1_900_000_000})
    words = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join([*words, "c2lnbmF0dXJlLW9mLWEtdGVzdA"])


def test_the_authentication_type_shows_its_own_fields_and_forgets_nothing(form: Page) -> None:
    form.locator("[name='client_secret']").fill(CANARY)
    form.get_by_label("Authentication Type").select_option("private_key_jwt")
    expect(form.locator("[name='client_secret']")).to_be_hidden()
    expect(form.get_by_label("Key pair")).to_be_visible()
    expect(form.locator("[name='upload-certificate']")).to_be_hidden()
    form.get_by_label("Key pair").select_option("new")
    expect(form.locator("[name='upload-certificate']")).to_be_visible()
    form.get_by_label("Authentication Type").select_option("client_secret_basic")
    expect(form.locator("[name='upload-certificate']")).to_be_hidden()
    expect(form.locator("[name='client_secret']")).to_have_value(CANARY)


def test_a_refused_save_keeps_every_input_and_leads_to_the_field(form: Page) -> None:
    form.get_by_label("Token URL").fill("ftp://x")
    form.locator("[name='client_secret']").fill(CANARY)
    form.get_by_role("button", name="Add").click()
    form.locator("[name='headers-0-name']").fill("Host")
    form.locator("[name='headers-0-value']").fill("x")
    form.get_by_role("button", name="Save").last.click()

    summary = form.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    expect(form.locator("[name='client_secret']")).to_have_value(CANARY)
    expect(form.locator("#id_name")).to_have_attribute("aria-invalid", "true")
    expect(form.locator("#id_headers-0-name")).to_have_attribute("aria-invalid", "true")
    summary.get_by_role("link", name="Token URL").click()
    expect(form.get_by_label("Token URL")).to_be_focused()
    assert find_violations(form) == []

    form.locator("#id_name").fill("Emissor")
    form.get_by_label("Token URL").fill("https://as.example.com/token")
    form.get_by_label("Client ID").fill("client-1")
    form.get_by_role("button", name="Remove this header").click()
    form.get_by_role("button", name="Save").last.click()
    expect(form).to_have_url(re.compile(r"/connections/[0-9a-f-]{36}/$"))
    assert CANARY in Connection.objects.get().secrets


def test_files_that_were_chosen_stay_when_saving_is_refused(
    page: Page, sign_in: SignIn, owner: Person, tmp_path: Path
) -> None:
    pair = self_signed("client.example.com", kind="EC")
    certificate, key = tmp_path / "client.crt", tmp_path / "client.key"
    certificate.write_text(pair.certificate)
    key.write_text(pair.key)
    sign_in(owner)
    page.goto(url("key-pair-create"))
    page.get_by_label("Certificate").set_input_files(certificate)
    expect(page.locator("[data-file-name]")).to_have_text(["client.crt", "No file chosen"])
    # The browser's own control, which opens its own dialog: by the keyboard it is reached.
    page.get_by_label("Certificate").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("PrivateKey")).to_be_focused()
    page.get_by_label("PrivateKey").set_input_files(key)
    expect(page.locator("[data-file-name]")).to_have_text(["client.crt", "client.key"])
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    page.get_by_label("Name").fill("Assinatura")
    page.get_by_role("button", name="Upload").click()
    expect(page).to_have_url(re.compile(r"/certificates/[0-9a-f-]{36}/$"))
    expect(page.get_by_text("CN=client.example.com").first).to_be_visible()
    assert KeyPair.objects.get().name == "Assinatura"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_obtaining_credentials_shows_steps_and_token_and_the_token_itself_by_password(
    page: Page, left_open: Person, receiver: Receiver, theme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BTG-11, BTG-19."""
    # What a private network answers is not shown.
    monkeypatch.setattr(Policy, "judge", lambda *_args: Verdict.PUBLIC)
    receiver.answer(PATH, token_answer(token()))
    connection = make_connection(participant=left_open.participant, kind="btg_id", token_url=receiver.url(PATH))
    page.emulate_media(color_scheme=theme)
    page.goto(url("connection-detail", connection))
    page.get_by_role("link", name="Obtain credentials").click()
    page.get_by_role("button", name="Obtain credentials").click()
    expect(page.locator("#run-result").get_by_text("Not run")).to_be_visible()

    page.get_by_label("Type", exact=False).last.fill("accounts")
    for label, value in (("Resource", "acc-1"), ("Locations", "https://a.example"), ("Privileges", "read")):
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Obtain credentials").click()
    card = page.locator("#run-result")
    expect(card.get_by_text("Token obtained")).to_be_visible()
    expect(card.get_by_text("app-vento")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("Token obtained")
    assert token() not in page.content()
    assert find_violations(page) == []

    card.get_by_text("Show the token").first.click()
    card.get_by_label("Your password").fill("wrong")
    card.get_by_role("button", name="Show the token").click()
    expect(page.get_by_text("This is not your password.")).to_be_visible()
    page.get_by_label("Your password").fill("a-good-long-password")
    page.get_by_role("button", name="Show the token").click()
    expect(page.locator("#token-shown")).to_have_text(token())
    assert find_violations(page) == []


def test_a_refusal_is_announced_and_explained(page: Page, sign_in: SignIn, owner: Person, receiver: Receiver) -> None:
    receiver.answer(PATH, json_answer({"error": "invalid_client"}, status=401))
    connection = make_connection(participant=owner.participant, token_url=receiver.url(PATH))
    sign_in(owner)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(url("connection-run", connection))
    page.get_by_role("button", name="Obtain credentials").click()
    expect(page.locator("#live")).to_contain_text("invalid_client")
    expect(page.get_by_text("What to do")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert find_violations(page) == []
