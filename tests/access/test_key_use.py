import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from access import audit
from access.actors import Actor
from access.audit_chain import link_entries
from tests.factories import make_participant
from vault import uses
from vault.keys import current_key_id


def test_key_of_an_audit_link_is_in_use_and_is_not_let_go(db, settings) -> None:
    participant = make_participant()
    with transaction.atomic():
        audit.record(by=Actor.system("a test"), action="access.participant.created", obj=participant)
    key_id = current_key_id()
    assert uses.count_uses(key_id) == {}
    linked = link_entries()
    assert linked >= 1
    assert uses.count_uses(key_id) == {"audit links": linked}
    settings.PORTAL_DATA_KEYS = f"k2:{'MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY='},{settings.PORTAL_DATA_KEYS}"
    with pytest.raises(CommandError, match=f"{key_id} is still in use and must stay: audit links {linked}"):
        call_command("rotate_secrets", drop=key_id)
