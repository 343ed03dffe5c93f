"""Who gets a notice: found out when it is sent, so that nobody who has left still hears of it."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.backends import ModelBackend

from access.models import Membership, User
from access.roles import Role
from notices.models import Audience, Notice

RECEIVE = "notices.receive_operator_notices"


@dataclass(frozen=True)
class Reader:
    """One address, and the language and name of whoever reads there."""

    address: str
    language: str
    name: str = ""


def find_readers(notice: Notice) -> list[Reader]:
    """Return who gets `notice`, nobody twice.

    A participant's: its members who look after webhooks; none while it is blocked, they could open no page. The
    operators': the addresses of PORTAL_OPERATOR_EMAILS, or without them the staff who hold the permission for it.
    """
    found = _of_operators() if notice.audience == Audience.OPERATORS else _of_participant(notice)
    return list({reader.address: reader for reader in found}.values())


def _of_participant(notice: Notice) -> list[Reader]:
    members = Membership.objects.filter(
        participant=notice.participant_id,
        participant__blocked_at__isnull=True,
        role__in=[Role.TECHNICAL, Role.ADMINISTRATOR],
        user__is_active=True,
    )
    return [_reader(member.user) for member in members.select_related("user").order_by("pk")]


def _of_operators() -> list[Reader]:
    if settings.PORTAL_OPERATOR_EMAILS:
        return [Reader(address, settings.LANGUAGE_CODE) for address in settings.PORTAL_OPERATOR_EMAILS]
    staff = ModelBackend().with_perm(RECEIVE, is_active=True).filter(is_staff=True)
    return [_reader(user) for user in staff.order_by("pk")]


def _reader(user: User) -> Reader:
    return Reader(user.email, user.language, user.display_name)
