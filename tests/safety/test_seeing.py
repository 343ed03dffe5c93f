"""Staff who see as a participant get nothing done, at whatever address."""

import pytest
from django.db import transaction

from tests.access.test_seeing import see
from tests.people import Person
from tests.safety.world import World, all_rows, answer_word, portal_routes

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(180)]


def test_no_route_of_the_portal_takes_a_post(world: World) -> None:
    """Every address, as somebody who sees as its owner: nothing changes, and nothing is shown that needs more."""
    officer = Person.staff("seer@operator.test")
    assert see(officer, world.participant).status_code == 302
    before, tried = all_rows(), 0
    for name in portal_routes():
        if name.startswith("account_") or name in ("access:seeing-end",) or "mfa" in name or "reauthent" in name:
            continue
        with transaction.atomic():
            answer = world.ask(officer.client, name, "POST")
            tried += 1
            # 405: the page takes no POST from anybody.
            assert answer_word(answer) in ("403", "405", "404"), (name, answer.status_code)
        assert all_rows() == before, name
    assert tried > 50
