"""One code, typed in several browsers at the same moment, opens one of them."""

from typing import Any

import pytest
from allauth.core import context
from django.core.cache import cache
from django.test import RequestFactory

from access.errors import ActionError
from access.mfa import codes
from tests.access.second_factors import set_up
from tests.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _many_guesses(settings: Any) -> None:
    cache.clear()
    # The limit would hide what this is about.
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {codes.LIMIT: "1000/m/key"}


@pytest.mark.usefixtures("_many_guesses")
@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_a_code_given_eight_times_at_once_counts_once(kind: str) -> None:
    telephone = set_up()
    code = telephone.code() if kind == "app" else telephone.recovery_codes[4]

    def give() -> str:
        request = RequestFactory().post("/")
        try:
            with context.request_context(request):
                codes.verify_code(telephone.user, code, request=request)
        except ActionError as refused:
            return refused.code
        return "accepted"

    answers = at_once([give] * 8)
    assert sorted(answers) == ["accepted"] + ["incorrect_code"] * 7
