import string

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from tests.vault.conftest import K1, K2
from vault.errors import BadToken
from vault.tokens import hash_matches, keyed_hash, sign, verify

URL_SAFE = string.ascii_letters + string.digits + "-_."


@given(st.binary(max_size=200))
def test_payload_comes_back_and_the_token_fits_into_an_address(payload: bytes) -> None:
    with override_settings(PORTAL_DATA_KEYS=K1):
        token = sign("links", payload)
        assert verify("links", token) == payload
        assert not set(token) - set(URL_SAFE)


@given(st.data())
def test_token_changed_in_any_place_is_refused(data: st.DataObject) -> None:
    with override_settings(PORTAL_DATA_KEYS=K1):
        token = sign("links", b"file=7&version=2")
        place = data.draw(st.integers(0, len(token) - 1))
        letter = data.draw(st.sampled_from(f"{URL_SAFE}=+/ é\n").filter(lambda other: other != token[place]))
        with pytest.raises(BadToken):
            verify("links", token[:place] + letter + token[place + 1 :])


@given(st.text(max_size=120))
def test_any_other_text_is_refused(text: str) -> None:
    with override_settings(PORTAL_DATA_KEYS=K1), pytest.raises(BadToken):
        verify("links", text)


@pytest.mark.parametrize(
    "spoil", [lambda t: t + "=", lambda t: t + "A", lambda t: t[:-1], lambda t: t + "\n", str.upper]
)
def test_token_has_one_spelling(keys, spoil) -> None:
    token = sign("links", b"payload")
    with pytest.raises(BadToken):
        verify("links", spoil(token))


def test_spare_bits_of_base64_make_no_second_token(keys) -> None:
    token = sign("links", b"payload")
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    neighbour = alphabet[alphabet.index(token[-1]) ^ 1]
    with pytest.raises(BadToken):
        verify("links", token[:-1] + neighbour)


def test_token_of_one_purpose_is_worth_nothing_for_another(keys) -> None:
    with pytest.raises(BadToken):
        verify("sessions", sign("links", b"payload"))


def test_tokens_outlive_a_new_key_but_not_the_loss_of_their_own(keys) -> None:
    token = sign("links", b"payload")
    assert token.startswith("k1.")
    keys(K2, K1)
    assert verify("links", token) == b"payload"
    assert sign("links", b"payload").startswith("k2.")
    keys(K2)
    with pytest.raises(BadToken):
        verify("links", token)


def test_key_id_of_a_token_cannot_be_exchanged(keys) -> None:
    keys(K2, K1)
    token = sign("links", b"payload")
    with pytest.raises(BadToken):
        verify("links", token.replace("k2.", "k1."))


def test_refusal_says_the_same_whatever_the_cause(keys) -> None:
    messages = set()
    for token in ("", "k9.AAAA." + "A" * 43, sign("other", b"x"), sign("links", b"x")[:-1] + "!"):
        with pytest.raises(BadToken) as caught:
            verify("links", token)
        messages.add((caught.value.code, str(caught.value)))
    assert len(messages) == 1


def test_tokens_never_change_their_form(keys) -> None:
    """Links sent by an earlier release must open in a later one."""
    assert sign("links", b"payload") == "k1.cGF5bG9hZA.P2Ks_pHAsINQHVZxxoUkV_xPGiW8q7hMaa_n4bS-x4U"
    assert keyed_hash("api-keys", "value") == "k1:4ff7a06eb98e0b6c890f43f52b30f96f38ae56a6e810f7f3d4265d02a24e794c"


def test_keyed_hash_needs_purpose_value_and_key(keys) -> None:
    keys(K2, K1)
    made = [keyed_hash(purpose, value, key_id=key) for purpose in "ab" for value in "xy" for key in ("k1", "k2")]
    assert len(set(made)) == 8
    assert keyed_hash("a", "x") == keyed_hash("a", "x", key_id="k2")


def test_stored_hash_is_found_again_after_a_new_key(keys) -> None:
    stored = keyed_hash("api-keys", "value")
    keys(K2, K1)
    assert hash_matches("api-keys", "value", stored)
    assert not hash_matches("api-keys", "valuf", stored)
    assert not hash_matches("sessions", "value", stored)
    keys(K2)
    assert not hash_matches("api-keys", "value", stored)


@pytest.mark.parametrize("stored", ["", ":", "k1", "k1:", "nonsense", "k1:é"])
def test_stored_text_that_is_no_hash_matches_nothing(keys, stored: str) -> None:
    assert not hash_matches("api-keys", "value", stored)
