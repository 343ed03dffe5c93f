import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite, ModelAdmin, TabularInline
from django.core import checks

from tests.vault.conftest import K1, K2, make_key
from tests.vault.safes import Locker, Safe
from vault.checks import CHECK_IDS, check_admin_pages, check_data_keys, check_sealed_places
from vault.sealed import Place


def ids(messages: list[checks.CheckMessage]) -> list[str | None]:
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{K2},{K1}", []),
        ("", ["vault.E001"]),
        ("k1:short", ["vault.E002"]),
        (f"{K1},k1:{make_key(9)}", ["vault.E003"]),
        (f"{K1},k2:{K1.partition(':')[2]}", ["vault.E004"]),
        ("k1:" + "A" * 43 + "=", ["vault.W005"]),
    ],
)
def test_data_keys_are_checked(settings, text: str, expected: list[str]) -> None:
    settings.PORTAL_DATA_KEYS = text
    assert ids(check_data_keys(None)) == expected


def test_every_refusal_of_the_keys_has_a_check() -> None:
    assert set(CHECK_IDS) == {"no_keys", "malformed_key", "duplicate_key_id", "duplicate_key"}


def test_secret_key_must_not_be_a_data_key(settings) -> None:
    settings.PORTAL_DATA_KEYS = f"{K2}, {K1}"
    settings.SECRET_KEY = K1.partition(":")[2]
    assert ids(check_data_keys(None)) == ["vault.E006"]


def test_two_models_must_not_seal_for_the_same_place(safes, monkeypatch) -> None:
    assert check_sealed_places(None) == []
    monkeypatch.setattr(Locker._meta.get_field("secret"), "label", "safe")
    (message,) = check_sealed_places(None)
    assert ids([message]) == ["vault.E013"]
    assert "safe.secret" in message.msg
    assert Locker._meta.get_field("secret").place == Place("safe", "secret")  # type: ignore[union-attr]


def test_checks_run_with_those_of_the_installation(settings) -> None:
    settings.PORTAL_DATA_KEYS = "nonsense"
    assert "vault.E002" in [message.id for message in checks.run_checks(tags=["gancho"])]


class InlineOfSafe(TabularInline):
    model = Safe
    readonly_fields = ["spare"]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ({}, []),
        ({"list_display": ["name", "uuid"], "readonly_fields": ["name"]}, []),
        ({"list_display": ["name", "secret"]}, ["secret"]),
        ({"readonly_fields": ["secret", "spare"]}, ["secret", "spare"]),
        ({"fields": ["name", ("uuid", "secret")]}, ["secret"]),
        ({"fieldsets": [(None, {"fields": [("name", "spare")]})]}, ["spare"]),
        ({"inlines": [InlineOfSafe]}, ["spare"]),
    ],
)
def test_admin_must_not_show_a_secret(safes, monkeypatch, page: dict[str, object], expected: list[str]) -> None:
    site = AdminSite(name="of-a-test")
    site.register(Safe, type("SafeAdmin", (ModelAdmin,), page))
    monkeypatch.setattr("vault.checks.all_sites", {site})  # Django's own set forgets this one at some later time
    messages = check_admin_pages(None)
    assert all(message.obj is Safe for message in messages)
    assert [message.msg.rpartition(" ")[2].rstrip(".") for message in messages] == expected
    assert set(ids(messages)) <= {"vault.E014"}


def test_admin_of_this_installation_shows_no_secret(monkeypatch) -> None:
    monkeypatch.setattr("vault.checks.all_sites", {admin.site})
    assert admin.site._registry
    assert check_admin_pages(None) == []
