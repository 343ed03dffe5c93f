"""Error pages have the headers of every page, and say nothing of what went wrong inside (X-4)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as live
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from catalog.links import download_url
from portal import download_settings
from tests.factories import make_delivery, make_event, make_publication
from tests.people import Person
from tests.safety.policies import FILE_POLICY, POLICY, policy_of

pytestmark = pytest.mark.django_db

INSIDE = "a word of the inside"
ERRORS = {
    400: SuspiciousOperation(INSIDE),
    404: Http404(INSIDE),
    # Words of a refusal are for its reader.
    403: PermissionDenied("You may not"),
    500: RuntimeError(INSIDE),
    503: OperationalError("database or disk is full"),
}


def safe(response: Any) -> bool:
    headers = (response.get("X-Content-Type-Options"), response.get("X-Frame-Options"), response.get("Referrer-Policy"))
    return policy_of(response) == POLICY and headers == ("nosniff", "DENY", "same-origin")


@pytest.fixture
def asked(owner: Person, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str], Any]:
    """`asked(status, path)`: the answer of a page whose view meets an error that ends in that status."""

    def ask(status: int, path: str) -> Any:
        def broken(*args: object, **kwargs: object) -> None:
            raise ERRORS[status]

        with monkeypatch.context() as patched:
            patched.setattr("portal.views.Home", broken)
            owner.client.raise_request_exception = False
            return owner.client.get(path)

    return ask


@pytest.mark.parametrize("status", sorted(ERRORS))
def test_page_of_an_error_is_as_safe_as_any_other(asked: Callable[[int, str], Any], status: int) -> None:
    response = asked(status, "/")
    assert response.status_code == status
    assert safe(response), response.headers
    assert INSIDE not in response.content.decode()
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("path", ["/nothing/of/the/kind/", "/admin/nothing/", "/d/nonsense", "/static/nothing.css"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_address_that_is_none_answers_safely(owner: Person, path: str, signed_in: bool) -> None:
    response = (owner.client if signed_in else Client()).get(path)
    assert response.status_code == 404 or response["Location"].startswith("/admin/login/")
    assert safe(response), response.headers


def test_request_for_another_host_is_refused_safely() -> None:
    response = Client().get("/accounts/login/", headers={"host": "evil.test"})
    assert response.status_code == 400
    assert safe(response), response.headers
    assert "evil.test" not in response.content.decode()


def test_post_with_too_many_fields_is_refused_safely(owner: Person) -> None:
    fields = {f"field-{number}": "x" for number in range(live.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    response = owner.client.post(reverse("webhooks:webhook-create"), fields)
    assert response.status_code == 400
    assert safe(response), response.headers


def test_too_many_tries_are_refused_safely(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    client, form = Client(REMOTE_ADDR="192.0.2.77"), {"login": "nobody@example.test", "password": "x"}
    answers = [client.post(reverse("account_login"), form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert safe(answers[1]), answers[1].headers


def test_static_files_are_never_taken_for_something_else(settings: Any) -> None:
    """They are no pages, and have no policy of their own; a browser believes what they say they are."""
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True
    response = Client().get("/static/js/time.js")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/javascript")
    assert response["X-Content-Type-Options"] == "nosniff"


# --- the download workers, which have an address map and middleware of their own --------------------------------------


@pytest.fixture
def downloads(settings: Any) -> Client:
    settings.ROOT_URLCONF = download_settings.ROOT_URLCONF
    settings.MIDDLEWARE = download_settings.MIDDLEWARE
    return Client(raise_request_exception=False)


def test_download_workers_know_two_addresses_only() -> None:
    """A route added there is looked at here."""
    patterns = [str(entry.pattern) for entry in get_resolver(download_settings.ROOT_URLCONF).url_patterns]
    inner = [str(entry.pattern) for entry in get_resolver("catalog.download_urls").url_patterns]
    assert (patterns, inner) == (["", "health/live"], ["d/<str:token>"])


def test_answers_of_the_download_workers_can_show_no_page(downloads: Client) -> None:
    publication = make_publication(content=b"<script>alert(1)</script>")
    delivery = make_delivery(event=make_event(publication=publication))
    link = download_url(publication, delivery_uuid=delivery.uuid, issued_at=timezone.now())
    path = link.removeprefix(live.PORTAL_DOWNLOAD_BASE_URL)
    answers = {
        where: downloads.get(where) for where in (path, f"{path}x", "/", "/accounts/login/", "/admin/", "/health/live")
    }
    assert answers[path].status_code == 200
    assert policy_of(answers[path]) == FILE_POLICY
    assert answers[path]["Content-Disposition"].startswith("attachment")
    for where, response in answers.items():
        assert response["X-Content-Type-Options"] == "nosniff", where
        if where != path:
            assert response["Content-Type"] == "text/plain; charset=utf-8", where
            assert response.status_code == (200 if where == "/health/live" else 404), where
        assert "Set-Cookie" not in response, where
