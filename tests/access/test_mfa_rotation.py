"""Seeds of second factors under a change of data keys."""

import io
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from access.errors import ActionError
from access.mfa import codes
from access.mfa.rotation import FactorSeeds
from tests.access.second_factors import Telephone, set_up

pytestmark = pytest.mark.django_db
NEW = "k2:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


def verify(telephone: Telephone, code: str) -> Any:
    return codes.verify_code(telephone.user, code, request=RequestFactory().post("/"))


def rotate(**options: Any) -> str:
    out = io.StringIO()
    call_command("rotate_secrets", stdout=out, **options)
    return out.getvalue()


def test_seeds_are_sealed_anew_and_open_without_the_old_key(settings: Any) -> None:
    people = [set_up() for _ in range(5)]
    verify(people[0], people[0].recovery_codes[3])
    settings.PORTAL_DATA_KEYS = f"{NEW},{settings.PORTAL_DATA_KEYS}"
    told = rotate(chunk=2, drop="k1")
    assert "sealed 10" in told
    assert "mfa.Authenticator.totp: k2 5" in told.replace("MFA", "mfa")
    assert "k1: nothing uses it" in told
    settings.PORTAL_DATA_KEYS = NEW
    for telephone in people:
        assert verify(telephone, telephone.code()).type == "totp"
        assert verify(telephone, telephone.recovery_codes[1]).type == "recovery_codes"
    with pytest.raises(ActionError):
        verify(people[0], people[0].recovery_codes[3])


def test_a_key_that_a_seed_needs_is_not_let_go(settings: Any) -> None:
    set_up()
    settings.PORTAL_DATA_KEYS = f"{NEW},{settings.PORTAL_DATA_KEYS}"
    with pytest.raises(CommandError, match=r"k1 is still in use and must stay: .*totp 1, .*recovery_codes 1"):
        rotate(drop="k1", dry_run=True)


def test_a_sign_in_between_reading_and_sealing_is_not_undone(settings: Any) -> None:
    """Or the code that it used would count again."""
    telephone = set_up()
    settings.PORTAL_DATA_KEYS = f"{NEW},{settings.PORTAL_DATA_KEYS}"
    seeds = FactorSeeds("totp", "secret")
    (row,) = seeds.stale_rows(10)
    code = telephone.code()
    verify(telephone, code)
    assert seeds.reseal(row)
    with pytest.raises(ActionError):
        verify(telephone, code)
    assert seeds.count_by_key() == {"k2": 1}


def test_a_factor_replaced_or_gone_meanwhile_is_left_alone(settings: Any) -> None:
    telephone = set_up()
    settings.PORTAL_DATA_KEYS = f"{NEW},{settings.PORTAL_DATA_KEYS}"
    seeds = FactorSeeds("totp", "secret")
    (row,) = seeds.stale_rows(10)
    Authenticator.objects.filter(pk=row.pk).update(data={"secret": "something else"})
    assert not seeds.reseal(row)
    Authenticator.objects.filter(pk=row.pk).delete()
    assert not seeds.reseal(row)
    assert telephone.seed not in str(row)


def test_a_damaged_seed_is_counted_under_no_key() -> None:
    damaged = set_up()
    set_up()
    Authenticator.objects.filter(user=damaged.user, type="totp").update(data={"secret": "damaged"})
    assert FactorSeeds("totp", "secret").count_by_key() == {"": 1, "k1": 1}


def test_a_seed_that_does_not_open_is_named_and_the_others_are_done(settings: Any) -> None:
    broken, other = set_up(), set_up()
    mine = Authenticator.objects.get(user=broken.user, type="totp")
    mine.data["secret"] = Authenticator.objects.get(user=other.user, type="totp").data["secret"]
    mine.save()
    settings.PORTAL_DATA_KEYS = f"{NEW},{settings.PORTAL_DATA_KEYS}"
    err = io.StringIO()
    with pytest.raises(CommandError, match="1 secrets could not be opened"):
        call_command("rotate_secrets", stdout=io.StringIO(), stderr=err)
    assert str(broken.user.uuid) in err.getvalue()
    assert FactorSeeds("totp", "secret").count_by_key() == {"k1": 1, "k2": 1}
