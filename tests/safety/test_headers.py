"""Headers and forged requests, at every address of the table (X-4)."""

import pytest
from django.db import transaction

from tests.portal.test_routes import read_table
from tests.safety.policies import FILE_POLICY, FILES, POLICY, policy_of
from tests.safety.world import World, all_rows

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("who", ["anonymous", "outsider", "technical"])
def test_every_answer_has_its_safety_headers(world: World, who: str) -> None:
    wrong = []
    for name, method in read_table():
        with transaction.atomic():
            response = world.ask(world.client(who), name, method)
            transaction.set_rollback(True)
        policy = FILE_POLICY if name in FILES and response.status_code == 200 else POLICY
        if policy_of(response) != policy:
            wrong.append(f"{method} {name}: {policy_of(response)}")
        right = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "X-Frame-Options": "DENY",
        }
        wrong += [f"{method} {name}: {key}" for key, value in right.items() if response.get(key) != value]
        kept = response.get("Cache-Control", "")
        uncached = "no-store" in kept or (name in FILES and kept == "private, no-cache")
        if who != "anonymous" and not uncached:
            wrong.append(f"{method} {name}: Cache-Control {kept!r}")
    assert not wrong, "\n".join(wrong)


def test_no_post_is_taken_without_its_token(world: World) -> None:
    """Every address that takes a POST at all refuses a forged one, and nothing changes."""
    client = world.client("administrator", enforce_csrf_checks=True)
    before = all_rows()
    for (name, method), expected in read_table().items():
        if method == "POST" and set(expected.values()) != {"405"}:
            response = world.ask(client, name, method)
            assert response.status_code == 403, name
            assert policy_of(response) == POLICY
    assert all_rows() == before
