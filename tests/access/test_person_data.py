"""What is kept of one person, told to them: whole, and without what would let somebody in."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from access.models import AuditEntry, User, UserSession
from tests.access.test_audit import entry_by
from tests.people import Person

pytestmark = pytest.mark.django_db


def told_of(person: Person, capsys: Any) -> dict[str, Any]:
    call_command("export_person", person.user.email.upper())
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_it_tells_the_row_memberships_sessions_and_the_trail(owner: Person, teammate: Person, capsys: Any) -> None:
    now = timezone.now()
    digest = uuid4().hex
    UserSession.objects.create(
        user=owner.user,
        key_digest=digest,
        auth_digest=digest,
        user_agent="Firefox",
        address="203.0.113.7",
        expires_at=now,
    )
    entry_by(owner.actor, action="access.user.did")
    entry_by(teammate.actor, action="access.user.done_to", obj=owner.user)
    entry_by(teammate.actor, action="access.user.of_others")
    told = told_of(owner, capsys)
    assert (told["person"]["email"], told["person"]["name"]) == (owner.user.email, owner.user.name)
    [membership] = told["belongs_to_it"]["membership"]
    assert (membership["participant"], membership["role"]) == (str(owner.participant), "administrator")
    [session] = told["belongs_to_it"]["session"]
    assert (session["user_agent"], session["address"]) == ("Firefox", "203.0.113.7")
    assert [entry["by"] for entry in told["audit_trail"]] == ["the person", "user", "system"]
    # Nor is it told who a colleague is.
    assert teammate.user.email not in json.dumps(told)
    actions = [entry["action"] for entry in told["audit_trail"]]
    assert actions == ["access.user.did", "access.user.done_to", "access.user.exported"]


def test_it_tells_nothing_that_would_let_somebody_in(owner: Person, capsys: Any) -> None:
    digest = uuid4().hex
    UserSession.objects.create(user=owner.user, key_digest=digest, auth_digest=digest, expires_at=timezone.now())
    text = json.dumps(told_of(owner, capsys))
    assert digest not in text
    assert User.objects.get(pk=owner.user.pk).password not in text
    assert "pbkdf2" not in text


def test_asking_is_recorded_and_a_stranger_is_not_found(owner: Person, capsys: Any) -> None:
    told_of(owner, capsys)
    assert AuditEntry.objects.get(action="access.user.exported").object_id == str(owner.user.uuid)
    with pytest.raises(CommandError) as refused:
        call_command("export_person", "nobody@example.test")
    assert refused.value.returncode == 2
