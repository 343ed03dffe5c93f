"""Codes of second factors: which count, that each counts once, and that guesses end."""

import time
from typing import Any

import pytest
import time_machine
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.test import RequestFactory

from access.actors import Actor
from access.errors import ActionError
from access.mfa import actions, codes, totp
from tests.access.second_factors import Telephone, set_up
from tests.factories import make_user
from vault.errors import UnreadableSecret

pytestmark = pytest.mark.django_db

# RFC 6238 appendix B: the seed in ASCII, eight digits there, of which an app shows the last six.
RFC_SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


def verify(user: Any, code: str, method: str = "POST") -> Authenticator:
    request = RequestFactory().generic(method, "/")
    with context.request_context(request):
        return codes.verify_code(user, code, request=request)


def refusal(user: Any, code: str) -> str:
    with pytest.raises(ActionError) as refused:
        verify(user, code)
    return refused.value.code


@pytest.mark.parametrize(("moment", "digits"), RFC_VECTORS)
def test_codes_are_those_of_the_standard(moment: int, digits: str) -> None:
    assert totp.code_at(RFC_SEED, totp.step_at(moment)) == digits[-6:]


@pytest.mark.parametrize(("aside", "found"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_counts_one_step_aside_and_no_more(aside: int, found: bool) -> None:
    code = totp.code_at(RFC_SEED, 1000 + aside)
    assert totp.find_step(RFC_SEED, code, moment=1000 * 30 + 7) == (1000 + aside if found else None)


def test_the_code_of_the_app_counts_and_is_remembered() -> None:
    telephone = set_up()
    row = verify(telephone.user, telephone.code())
    assert row.type == "totp"
    assert Authenticator.objects.get(pk=row.pk).data["last_step"] == totp.step_at(time.time())


@pytest.mark.parametrize("written", ["{0} {1}", " {0}-{1} ", "{0}{1}\n"])
def test_blanks_and_dashes_don_t_matter(written: str) -> None:
    telephone = set_up()
    code = telephone.code()
    verify(telephone.user, written.format(code[:3], code[3:]))


def test_a_code_counts_once() -> None:
    telephone = set_up()
    code = telephone.code()
    verify(telephone.user, code)
    assert refusal(telephone.user, code) == "incorrect_code"


def test_a_code_older_than_the_one_used_counts_no_more() -> None:
    with time_machine.travel(1_900_000_005, tick=False):
        telephone = set_up()
        before = telephone.code(-1)
        verify(telephone.user, telephone.code())
        assert refusal(telephone.user, before) == "incorrect_code"
        verify(telephone.user, telephone.code(+1))


def test_the_code_that_set_the_app_up_does_not_sign_in() -> None:
    user, seed = make_user(), actions.make_seed()
    step = totp.step_at(time.time())
    actions.enable_mfa(user, seed=seed, step=step, by=Actor.for_self(user))
    assert refusal(user, totp.code_at(seed, step)) == "incorrect_code"


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "0x1234", "-1"])
def test_anything_else_is_refused(typed: str) -> None:
    assert refusal(set_up().user, typed) == "incorrect_code"


def test_a_code_of_somebody_else_is_refused() -> None:
    mine, other = set_up(), set_up()
    assert refusal(mine.user, other.code()) == "incorrect_code"
    assert refusal(mine.user, other.recovery_codes[0]) == "incorrect_code"


def test_who_has_no_factor_has_no_code() -> None:
    assert refusal(make_user(), "000000") == "incorrect_code"


def test_ten_recovery_codes_count_once_each_in_any_order() -> None:
    telephone = set_up()
    assert len(set(telephone.recovery_codes)) == 10
    for code in reversed(telephone.recovery_codes):
        assert verify(telephone.user, code).type == "recovery_codes"
        assert refusal(telephone.user, code) == "incorrect_code"


def test_guesses_end_after_five_even_with_the_right_code_and_a_mail_says_so() -> None:
    telephone = set_up()
    other = set_up()
    mail.outbox.clear()
    for _guess in range(5):
        assert refusal(telephone.user, "000000") == "incorrect_code"
    assert mail.outbox == []
    assert refusal(telephone.user, telephone.code()) == "too_many_attempts"
    assert refusal(telephone.user, telephone.recovery_codes[0]) == "too_many_attempts"
    (told,) = mail.outbox
    assert (told.to, "knows your password" in told.body) == ([telephone.user.email], True)
    verify(other.user, other.code())


def test_five_minutes_later_the_owner_gets_in_but_thirty_guesses_close_it_for_a_day() -> None:
    with time_machine.travel(1_900_000_000, tick=False) as clock:
        telephone = set_up()
        for _turn in range(6):
            for _guess in range(5):
                assert refusal(telephone.user, "000000") == "incorrect_code"
            clock.shift(301)
        assert refusal(telephone.user, telephone.code()) == "too_many_attempts"
        clock.shift(86_400)
        verify(telephone.user, telephone.code())


def test_another_factor_has_a_count_of_its_own() -> None:
    """Or whoever guessed thirty times would shut its owner out of setting up another one for a day."""
    telephone = set_up()
    for _guess in range(5):
        refusal(telephone.user, "000000")
    assert refusal(telephone.user, telephone.code()) == "too_many_attempts"
    actions.reset_mfa(telephone.user, by=Actor.system("a test"))
    again = set_up(telephone.user)
    verify(again.user, again.code())


def test_a_right_code_makes_the_count_begin_anew() -> None:
    telephone = set_up()
    for _round in range(3):
        for _guess in range(4):
            refusal(telephone.user, "000000")
        verify(telephone.user, telephone.recovery_codes.pop())


def test_codes_are_checked_in_posts_only_because_limits_count_no_others() -> None:
    telephone = set_up()
    with pytest.raises(ValueError, match="POST only"):
        verify(telephone.user, telephone.code(), method="GET")


def test_seeds_lie_sealed_in_the_database_for_their_owner_only() -> None:
    mine, other = set_up(), set_up()
    rows = Authenticator.objects.filter(user=mine.user)
    assert mine.seed not in str(list(rows.values()))
    stolen = Authenticator.objects.get(user=other.user, type="totp")
    Authenticator.objects.filter(user=mine.user, type="totp").update(data=stolen.data)
    with pytest.raises(UnreadableSecret, match="another owner"):
        verify(mine.user, other.code())


def test_hooks_of_allauth_open_nothing_when_nobody_says_whose_it_is() -> None:
    row = Authenticator.objects.get(user=set_up().user, type="recovery_codes")
    with pytest.raises(LookupError):
        row.wrap().get_unused_codes()


def test_has_mfa_is_about_an_app_and_one_query(django_assert_num_queries: Any) -> None:
    telephone: Telephone = set_up()
    with django_assert_num_queries(1):
        assert codes.has_mfa(telephone.user)
    Authenticator.objects.filter(user=telephone.user, type="totp").delete()
    assert not codes.has_mfa(telephone.user)
