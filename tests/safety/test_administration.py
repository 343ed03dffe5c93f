"""Who may open what of the administration (X-4)."""

from collections.abc import Iterator

import pytest
from django.urls import get_resolver, reverse

from tests.safety.world import World, all_rows, answer_word, walk

pytestmark = pytest.mark.django_db


# What every member of staff may open, whatever their permissions: the way in and out, and an empty overview.
OPEN_TO_STAFF = {
    "admin:index": "200",
    "admin:jsi18n": "200",
    "admin:login": "away",
    "admin:logout": "away",
    "admin:password_change": "away",
    "admin:password_change_done": "200",
}


def admin_urls() -> Iterator[tuple[str, str]]:
    for name, pattern in walk(get_resolver()):
        if name.startswith("admin:") and pattern.name:
            keys = {"app_label": "webhooks", "content_type_id": 1}
            named = pattern.pattern.converters or pattern.pattern.regex.groupindex
            arguments = {key: keys.get(key, 1) for key in named}
            yield name, reverse(name, kwargs=arguments)


@pytest.mark.parametrize("method", ["get", "post"])
def test_administration_opens_to_permissions_only(world: World, method: str) -> None:
    """Every page of it, with every row that it could show."""
    # Who is no member of staff is stopped at the door, whatever the method.
    people = ("anonymous", "administrator", "staff") if method == "get" else ("staff",)
    before, wrong = all_rows(), []
    for name, url in admin_urls():
        for who in people:
            response = getattr(world.client(who), method)(url)
            got = answer_word(response)
            # A row that doesn't exist: to the overview.
            closed = got in ("login", "403", "404", "405") or response.get("Location") == reverse("admin:index")
            opened = got == "away" and name in ("admin:logout", "admin:password_change")
            if not closed and not opened and not (who == "staff" and got == OPEN_TO_STAFF.get(name)):
                wrong.append(f"{method} {name} as {who}: {got}")
    assert not wrong, "\n".join(wrong)
    assert all_rows() == before


def test_sign_in_page_of_the_administration_takes_no_password(world: World) -> None:
    """Django's own form behind it would have no limit and leave no audit entry: any clerk could guess a colleague's."""
    form = {"username": world.owner.user.email, "password": "a-good-long-password"}
    client, login = world.client("staff"), reverse("admin:login")
    assert client.post(login, form)["Location"] == reverse("admin:index")
    assert client.post(f"{login}?next=https://evil.test/", form)["Location"] == reverse("admin:index")
    assert client.session["_auth_user_id"] == str(world.people["staff"].user.pk)
