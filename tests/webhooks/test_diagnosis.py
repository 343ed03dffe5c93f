"""The closed list of diagnoses: one for every outcome, whole, in both languages' reach."""

import pytest
from django.utils.translation import override

from connections.failures import CODES
from outbound.outcomes import OUTCOMES
from outbound.transfer import Result
from webhooks.auth.registry import METHODS
from webhooks.diagnosis import DIAGNOSES, Side, code_for
from webhooks.diagnosis.tokens import TOKENS


@pytest.mark.parametrize("outcome", sorted(OUTCOMES))
def test_every_outcome_of_a_transfer_has_its_own_diagnosis(outcome: str) -> None:
    assert code_for(Result(error=outcome), "none") == outcome


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, ""),
        (204, ""),
        (299, ""),
        (301, "redirected"),
        (307, "redirected"),
        (308, "redirected"),
        (400, "bad_request"),
        (403, "forbidden"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (408, "receiver_timed_out"),
        (409, "refused"),
        (410, "gone"),
        (413, "body_too_large"),
        (415, "content_type_refused"),
        (418, "refused"),
        (422, "content_refused"),
        (429, "too_many_requests"),
        (500, "server_error"),
        (501, "server_error_other"),
        (502, "bad_gateway"),
        (503, "unavailable"),
        (504, "gateway_timeout"),
        (101, "unexpected_status"),
        (700, "unexpected_status"),
    ],
)
def test_every_status_has_its_diagnosis(status: int, code: str) -> None:
    assert code_for(Result(status=status), "none") == code
    assert code == "" or code in DIAGNOSES


@pytest.mark.parametrize("method", METHODS)
def test_a_401_is_explained_for_the_method_in_use(method: str) -> None:
    diagnosis = DIAGNOSES[code_for(Result(status=401), method)]
    assert diagnosis.cause == METHODS[method].unauthorized_cause


def test_a_401_with_a_method_of_a_newer_release_is_still_explained() -> None:
    assert code_for(Result(status=401), "quantum") in DIAGNOSES


def test_an_error_of_a_newer_outbound_is_still_explained() -> None:
    assert code_for(Result(error="new_kind_of_failure"), "none") == "transfer_failed"


@pytest.mark.parametrize("code", sorted(DIAGNOSES))
def test_every_diagnosis_is_whole(code: str) -> None:
    diagnosis = DIAGNOSES[code]
    with override("en"):
        texts = [str(text) for text in (diagnosis.title, diagnosis.happened, diagnosis.cause, diagnosis.action)]
    assert diagnosis.code == code
    assert len(code) <= 60
    assert diagnosis.side in Side.values
    assert all(texts)
    assert all(text.endswith(".") for text in texts[1:])


def test_every_reason_why_there_is_no_token_has_its_own_diagnosis_and_there_are_no_others() -> None:
    """UNICO-34: what the token endpoint said is told apart from what kept us from asking it."""
    assert {entry.code for entry in TOKENS} == CODES
    assert len(TOKENS) == len(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_failed_token_is_told_in_its_own_words(code: str) -> None:
    assert code_for(Result(error=code), "oauth2") == code


@pytest.mark.parametrize("method", ["oauth2", "jwt"])
def test_a_401_claims_no_second_request_that_was_not_made(method: str) -> None:
    """Testar makes one only, and so does a delivery whose token was dropped less than a minute ago."""
    diagnosis = DIAGNOSES[f"unauthorized_{method}"]
    with override("en"):
        told = f"{diagnosis.cause} {diagnosis.action}"
    assert "tried at once" not in told
    assert "out of date is replaced" in told
