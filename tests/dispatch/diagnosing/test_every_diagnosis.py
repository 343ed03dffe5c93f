"""Every diagnosis is reached by the real failure, and told in both languages."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.urls import reverse
from django.utils.html import escape
from django.utils.translation import override

from tests.dispatch.diagnosing import answers, configurations, token_requests, transfers
from tests.dispatch.diagnosing.world import FAILURES, World
from tests.network import Names
from tests.people import Person
from webhooks.diagnosis import DIAGNOSES, Diagnosis

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]
# Importing them puts their failures into FAILURES.
MODULES = (answers, configurations, token_requests, transfers)


def texts_of(diagnosis: Diagnosis) -> list[str]:
    return [str(text) for text in (diagnosis.title, diagnosis.happened, diagnosis.cause)] + diagnosis.steps


@pytest.fixture
def world(
    owner: Person, names: Names, settings: Any, monkeypatch: pytest.MonkeyPatch, loopback: None
) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(owner, names, settings, monkeypatch, stack)


def test_every_diagnosis_has_a_failure_that_is_made_happen() -> None:
    assert set(FAILURES) == set(DIAGNOSES)


@pytest.mark.parametrize("code", sorted(FAILURES))
def test_the_real_failure_is_diagnosed_and_its_page_says_what_to_do(world: World, code: str) -> None:
    found = FAILURES[code](world)
    if isinstance(found, str):
        assert found == code
        return
    assert (found.diagnosis, found.succeeded) == (code, False)
    url = reverse("dispatch:delivery-detail", args=[found.delivery.uuid])
    for language in ("en", "pt-br"):
        type(world.owner.user).objects.filter(pk=world.owner.user.pk).update(language=language)
        page = world.owner.client.get(url).text
        with override(language):
            missing = [text for text in texts_of(DIAGNOSES[code])[1:] if escape(text) not in page]
        assert missing == []


@pytest.mark.parametrize("code", sorted(DIAGNOSES))
def test_every_diagnosis_is_told_in_portuguese_too(code: str) -> None:
    """X-5."""
    with override("en"):
        english = texts_of(DIAGNOSES[code])
    with override("pt-br"):
        portuguese = texts_of(DIAGNOSES[code])
    assert [text for text, translated in zip(english, portuguese, strict=True) if text == translated] == []
