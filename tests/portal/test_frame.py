"""What stands around every page, error pages, and the admin as operations meet it."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone, translation

from portal.navigation import Frame
from tests.factories import make_member, make_participant
from tests.people import Person

pytestmark = pytest.mark.django_db


def test_menu_shows_only_what_exists(owner: Person) -> None:
    text = owner.client.get("/profile/").content.decode()

    for path in ("/publications/", "/settings/", "/settings/integration/webhooks/"):
        assert f'href="{path}"' in text
    assert "Support" not in text


def test_way_to_the_webhooks_leads_through_both_menus(owner: Person) -> None:
    """UNICO-8: Menu de Configurações -> Menu de Integração -> Menu de Webhooks."""
    assert f'href="{reverse("portal:integration")}"' in owner.client.get(reverse("portal:settings")).content.decode()
    assert (
        f'href="{reverse("webhooks:webhook-list")}"' in owner.client.get(reverse("portal:integration")).content.decode()
    )


def test_profile_holds_the_webhook_settings(owner: Person) -> None:
    """ONS-5: Meu Perfil -> Configuração de webhook, on the page and in the user menu."""
    text = owner.client.get(reverse("portal:profile")).content.decode()

    assert text.count(f'href="{reverse("webhooks:profile-webhook-list")}"') == 2


def test_seed_labels_of_the_ways_to_webhooks_in_portuguese(owner: Person) -> None:
    """UNICO-8, ONS-5, X-5."""
    owner.user.language = "pt-br"
    owner.user.save()

    text = owner.client.get(reverse("portal:profile")).content.decode()

    for label in ("Meu Perfil", "Configuração de webhook", "Configurações", "Integração", "Webhooks"):
        assert label in text


def test_environment_stands_in_the_header(owner: Person, settings: Any) -> None:
    settings.PORTAL_ENVIRONMENT = "homologation"

    assert "Homologation" in owner.client.get("/profile/").content.decode()


def test_other_participants_are_offered_and_blocked_ones_are_not(owner: Person) -> None:
    second = make_participant(name="Second")
    blocked = make_participant(name="Shut", blocked_reason="unpaid", blocked_at=timezone.now())
    for participant in (second, blocked):
        make_member(owner.user, participant, "viewer")

    text = owner.client.get("/settings/").content.decode()

    assert f'name="participant" value="{second.uuid}"' in text
    assert str(blocked.uuid) not in text


@pytest.mark.parametrize(("cookie", "theme"), [("dark", "dark"), ("light", "light"), ("", "system"), ("<x>", "system")])
def test_signed_out_the_cookie_decides_the_theme(client: Client, cookie: str, theme: str) -> None:
    client.cookies["theme"] = cookie

    text = client.get("/accounts/login/").content.decode()

    assert (f'data-bs-theme="{theme}"' in text) == (theme != "system")
    assert "<x>" not in text


def test_signed_in_the_own_choice_decides_the_theme(owner: Person) -> None:
    owner.user.theme = "dark"
    owner.user.save()
    owner.client.cookies["theme"] = "light"

    assert 'data-bs-theme="dark"' in owner.client.get("/profile/").content.decode()


def test_frame_asks_the_database_nothing_by_itself(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        frame = Frame(RequestFactory().get("/x/?y=1"))
        assert (frame.theme, frame.here, frame.menu) == ("system", "/x/?y=1", [])


# --- error pages ------------------------------------------------------------------------------------------------


def test_page_that_is_not_there_looks_like_the_portal(client: Client) -> None:
    answer = client.get("/no-such-page", headers={"accept-language": "en"})

    assert answer.status_code == 404
    assert "This page does not exist" in answer.content.decode()


def test_form_without_its_token_is_refused_in_plain_words(owner: Person) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner.user)

    answer = strict.post("/preferences/", {"theme": "dark"})

    assert answer.status_code == 403
    assert "The form was too old" in answer.content.decode()
    owner.user.refresh_from_db()
    assert owner.user.theme == "system"


def test_bad_request_is_told_in_plain_words(owner: Person) -> None:
    answer = owner.client.post("/preferences/", {"theme": "pink"})

    assert answer.status_code == 400
    assert "We could not understand this request" in answer.content.decode()


def test_failure_of_ours_shows_a_page_that_needs_no_database(
    client: Client, monkeypatch: Any, django_assert_num_queries: Any
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no detail of this may be shown")

    monkeypatch.setattr("access.views.render", fail)
    client.raise_request_exception = False

    with django_assert_num_queries(0), translation.override("en"):
        answer = client.get("/accounts/signup/", headers={"accept-language": "en"})

    assert answer.status_code == 500
    assert "Something failed on our side" in answer.content.decode()
    assert "no detail" not in answer.content.decode()


# --- the admin --------------------------------------------------------------------------------------------------


def test_admin_is_entered_through_the_portals_sign_in(client: Client) -> None:
    answer = client.get("/admin/", follow=True)

    assert answer.redirect_chain[-1][0].startswith("/accounts/login/")


def test_admin_refuses_members_who_are_not_staff(owner: Person) -> None:
    answer = owner.client.get("/admin/", follow=True)

    assert answer.status_code == 403


def test_admin_shows_the_house_and_the_environment(officer: Person) -> None:
    text = officer.client.get("/admin/").content.decode()

    assert "css/admin.css" in text
    assert "Development" in text
    assert "theme.js" not in text


@pytest.mark.parametrize("path", ["/admin/logout/", "/admin/password_change/"])
def test_admin_leaves_accounts_to_the_portal(officer: Person, path: str) -> None:
    answer = officer.client.get(path)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/")


def test_admin_has_no_page_that_runs_tasks() -> None:
    registered = {model._meta.app_label for model in admin.site._registry}

    assert registered.isdisjoint({"django_celery_beat", "account"})
