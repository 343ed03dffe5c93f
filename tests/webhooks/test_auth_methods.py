"""The authentication methods (UNICO-16 nenhuma, UNICO-17 Secret, ONS-8 basic, ONS-9 token)."""

import base64

import pytest

from webhooks.auth import registry
from webhooks.auth.method import AuthHeader


def applied(name: str, settings: dict[str, str], secrets: dict[str, str]) -> list[tuple[str, str]]:
    method = registry.get(name)
    return [(header.name, header.value) for header in method.apply(method.public_settings(settings), secrets)]


def codes(name: str, settings: dict[str, str], secrets: dict[str, str]) -> list[tuple[str, str]]:
    method = registry.get(name)
    return [(problem.field, problem.code) for problem in method.problems(method.public_settings(settings), secrets)]


def test_unico_16_nenhuma_adds_nothing_and_is_always_complete() -> None:
    assert applied("none", {}, {}) == []
    assert registry.get("none").is_complete({}, {})


@pytest.mark.parametrize("value", ["abc", "Bearer abc.def", "a b  c", "=" * 4096])
def test_unico_17_the_secret_goes_out_exactly_as_given(value: str) -> None:
    assert applied("secret", {}, {"secret": value}) == [("Authorization", value)]


def test_ons_09_the_token_may_go_in_another_header() -> None:
    assert applied("secret", {"header_name": "X-Token"}, {"secret": "abc"}) == [("X-Token", "abc")]


def test_ons_08_user_and_password_go_out_as_basic() -> None:
    headers = applied("basic", {"username": "joão"}, {"password": "s:nh@"})
    assert headers == [("Authorization", "Basic " + base64.b64encode("joão:s:nh@".encode()).decode())]


def test_ons_09_basic_and_a_token_in_its_own_header_combine() -> None:
    headers = applied("basic", {"username": "u", "token_header": "X-Token"}, {"password": "p", "token": "t"})
    assert [name for name, _ in headers] == ["Authorization", "X-Token"]


@pytest.mark.parametrize(
    ("name", "settings", "secrets", "expected"),
    [
        ("secret", {}, {}, [("auth.secret", "required")]),
        ("secret", {}, {"secret": "a\r\nX: b"}, [("auth.secret", "header_value_invalid")]),
        ("secret", {}, {"secret": " a"}, [("auth.secret", "header_value_invalid")]),
        ("secret", {}, {"secret": "ação"}, [("auth.secret", "header_value_invalid")]),
        ("secret", {}, {"secret": "x" * 4097}, [("auth.secret", "too_long"), ("auth.secret", "header_value_too_long")]),
        ("secret", {"header_name": "Host"}, {"secret": "x"}, [("auth.header_name", "header_reserved")]),
        ("secret", {"header_name": "Webhook-Id"}, {"secret": "x"}, [("auth.header_name", "header_reserved")]),
        ("secret", {"header_name": "a b"}, {"secret": "x"}, [("auth.header_name", "header_name_invalid")]),
        ("basic", {}, {}, [("auth.username", "required"), ("auth.password", "required")]),
        ("basic", {"username": "a:b"}, {"password": "p"}, [("auth.username", "colon")]),
        ("basic", {"username": "a\n"}, {"password": "p"}, [("auth.username", "control_character")]),
        ("basic", {"username": "a"}, {"password": "p\0"}, [("auth.password", "control_character")]),
        ("basic", {"username": "a"}, {"password": "p", "token": "t"}, [("auth.token_header", "required")]),
        ("basic", {"username": "a", "token_header": "X-T"}, {"password": "p"}, [("auth.token", "required")]),
    ],
)
def test_what_is_wrong_is_named_by_its_field(
    name: str, settings: dict[str, str], secrets: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert codes(name, settings, secrets) == expected
    assert not registry.get(name).is_complete(registry.get(name).public_settings(settings), secrets)


@pytest.mark.parametrize("method", registry.METHODS.values(), ids=lambda method: method.name)
def test_every_method_is_whole(method: object) -> None:
    words = (method.label, method.explanation, method.unauthorized_cause, method.unauthorized_action)  # type: ignore[attr-defined]
    assert all(words)
    assert registry.METHODS[method.name] is method  # type: ignore[attr-defined]


def test_x_3_a_header_with_a_credential_does_not_show_it() -> None:
    assert "CANARY" not in repr(AuthHeader("Authorization", "CANARY", ("CANARY",)))
