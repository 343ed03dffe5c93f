import sys

import pytest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter, get_exception_reporter_filter

from portal.error_reports import Filter
from vault.errors import KeysMisconfigured
from vault.sealed import Place, Sealed

CANARY = "CANARY-4f1b"
# Never whole in this source, which the report shows as well.
POSTED = {"auth_" + "value": "-".join(("CANARY", "4f1b"))}


def report(secret_of_a_frame: str, **environ: str) -> str:
    """The page for an error that was raised while a secret stood in variables and in the posted form."""
    request = RequestFactory().post("/", POSTED, **environ)
    try:
        Sealed.seal(secret_of_a_frame, Place("safe", "secret"), "d0a8b1a2-0000-4000-8000-000000000001")
    except KeysMisconfigured:
        return ExceptionReporter(request, *sys.exc_info()).get_traceback_html()
    raise AssertionError("sealing should have failed")


@pytest.fixture(autouse=True)
def _unusable_keys(settings) -> None:
    settings.PORTAL_DATA_KEYS = "nonsense"


def test_filter_is_the_one_in_use() -> None:
    assert isinstance(get_exception_reporter_filter(None), Filter)


def test_report_outside_development_holds_no_variable_and_no_posted_value(settings) -> None:
    settings.DEBUG = False
    page = report(POSTED["auth_value"])
    assert "KeysMisconfigured" in page
    assert "auth_value" in page
    assert CANARY not in page
    assert "secret_of_a_frame" not in page.replace("def report(secret_of_a_frame", "").replace(
        "seal(secret_of_a_frame", ""
    )


def test_debug_page_hides_the_variables_of_the_vault(settings) -> None:
    settings.DEBUG = True
    request = RequestFactory().get("/")
    try:
        Sealed.seal("-".join(("CANARY", "4f1b")), Place("safe", "secret"), "d0a8b1a2-0000-4000-8000-000000000001")
    except KeysMisconfigured:
        page = ExceptionReporter(request, *sys.exc_info()).get_traceback_html()
    assert "<td>plain</td>" in page
    assert CANARY not in page


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "CACHE_URL", "EMAIL_URL", "CELERY_BROKER_URL", "PORTAL_DATA_KEYS", "SECRET_KEY"]
)
def test_passwords_inside_addresses_are_hidden(settings, debug: bool, name: str) -> None:
    settings.DEBUG = debug
    assert Filter().cleanse_setting(name, f"redis://:{CANARY}@host") == Filter.cleansed_substitute


def test_settings_of_the_report_hold_no_password(settings) -> None:
    settings.CELERY_BROKER_URL = f"redis://:{CANARY}@host"
    settings.EMAIL_CONFIG = {"EMAIL_HOST_PASSWORD": CANARY}
    assert CANARY not in repr(Filter().get_safe_settings())
