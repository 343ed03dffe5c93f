import pickle
from base64 import b64encode, urlsafe_b64encode

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from tests.vault.conftest import K1, K2, make_key
from vault.errors import KeysMisconfigured, UnknownKey
from vault.keys import current_key_id, derive, keyring, parse_keys

KEY = make_key(7)


def test_first_key_is_the_current_one(keys) -> None:
    keys(K2, K1)
    assert current_key_id() == "k2"
    assert list(keyring().by_id) == ["k2", "k1"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "no_keys"),
        ("  ", "no_keys"),
        (KEY, "malformed_key"),
        (f"{K1},", "malformed_key"),
        (f":{KEY}", "malformed_key"),
        (f"K1:{KEY}", "malformed_key"),
        (f"k_1:{KEY}", "malformed_key"),
        (f"k%:{KEY}", "malformed_key"),
        (f"-k:{KEY}", "malformed_key"),
        (f"{'k' * 33}:{KEY}", "malformed_key"),
        ("k1:", "malformed_key"),
        ("k1:short", "malformed_key"),
        (f"k1:{KEY}AAAA", "malformed_key"),
        (f"k1:{KEY[:-4]}", "malformed_key"),
        (f"k1:{KEY[:-4]}é===", "malformed_key"),
        (f"{K1},k1:{KEY}", "duplicate_key_id"),
        (f"k1:{KEY},k2:{KEY}", "duplicate_key"),
    ],
)
def test_bad_key_list_is_refused_without_showing_a_key(text: str, code: str) -> None:
    with pytest.raises(KeysMisconfigured) as caught:
        parse_keys(text)
    assert caught.value.code == code
    assert KEY[:10] not in str(caught.value)


def test_both_base64_alphabets_blanks_and_missing_padding_are_understood() -> None:
    raw = bytes([251, 255, 191] * 10 + [251, 255])
    standard, url_safe = b64encode(raw).decode(), urlsafe_b64encode(raw).decode()
    assert standard != url_safe
    for text in (f"k1:{standard}", f" k1:{url_safe} ", f"k1:{url_safe.rstrip('=')}"):
        assert parse_keys(text).current.material == raw


def test_no_key_is_in_a_representation(keys) -> None:
    keys(K2, K1)
    material = keyring().current.material
    for shown in (repr(keyring()), repr(keyring().current), str(keyring())):
        assert repr(material)[2:20] not in shown
        assert b64encode(material).decode() not in shown


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_each_purpose_and_each_key_has_a_key_of_its_own(one: str, other: str) -> None:
    with override_settings(PORTAL_DATA_KEYS=f"{K2},{K1}"):
        keys = {derive(purpose, key_id=key_id) for purpose in (one, other) for key_id in ("k1", "k2")}
        assert len(keys) == 2 * len({one, other})
        assert {len(key) for key in keys} == {32}
        assert not keys & {key.material for key in keyring().by_id.values()}


def test_derived_key_never_changes(keys) -> None:
    """Tokens, hashes and the audit chain outlive every release."""
    keys(K2, K1)
    assert derive("audit", key_id="k1").hex() == "881cb2f9bcb88ed47f374b39b3fc10fbe1bb7b74d709bb2de07d3ba39a7af1a6"
    assert derive("audit") == derive("audit", key_id="k2") != derive("audit", key_id="k1")


def test_derived_keys_do_not_come_from_secret_key(keys, settings) -> None:
    before = derive("links")
    settings.SECRET_KEY = "another"
    assert derive("links") == before


def test_key_that_is_not_there_and_purpose_that_is_empty_are_refused(keys) -> None:
    with pytest.raises(UnknownKey, match="'k9'"):
        derive("links", key_id="k9")
    with pytest.raises(ValueError, match="purpose"):
        derive("")


def test_errors_can_be_sent_between_processes() -> None:
    error = UnknownKey("unknown_key", "key 'k9' is not there")
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, str(again)) == ("unknown_key", "key 'k9' is not there")
