"""What is erased of a participant's people, and of the participant itself. The order of it: portal/erasing.py.

People who also belong elsewhere, or to the operator, stay as they are. Of the others the row stays, without anything
that tells who it was: the audit trail and what they started point to it.
"""

import json
import re
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from access.former_names import addresses_of, names_of
from access.models import ActorSource, AuditEntry, Erasure, Membership, Participant, User
from access.relations import relations_to_users

# Rows of one person's own that the database would keep from going with their user.
_OWN = {"access.UserSession"}
_ADDRESS = re.compile(r"\(?([^\s()]+@[^\s()]+)\)?$")
# No mail ever goes there (RFC 2606); it also marks who was erased.
ERASED_DOMAIN = "erased.invalid"


def find_people(participant: Participant) -> list[int]:
    """Return the numbers of its members, of those who once acted for it, and of those whom the trail knows as former
    members."""
    acted = AuditEntry.objects.filter(participant=participant, actor_source=ActorSource.USER, actor_user=OuterRef("pk"))
    known = Q(memberships__participant=participant) | Exists(acted) | Q(email__in=_former_members(participant))
    return sorted(User.objects.filter(known).values_list("pk", flat=True).distinct())


def _former_members(participant: Participant) -> set[str]:
    """The addresses in the entries on memberships, which name their user as: Ana Lima (ana@example.com)."""
    entries = AuditEntry.objects.filter(participant=participant, object_type=Membership._meta.label_lower)
    texts = (str(values.get("user", "")) for pair in entries.values_list("before", "after") for values in pair)
    return {found[1] for text in texts if (found := _ADDRESS.search(text))}


def people_of(participant: Participant) -> QuerySet[User]:
    """Return the people to be erased with a participant, the erased ones among them: those that its order names, or
    would name now, unless they are of the operator or belong to another participant too."""
    ordered = Erasure.objects.filter(participant=participant).values_list("people", flat=True).first()
    pks = find_people(participant) if ordered is None else ordered
    elsewhere = Membership.objects.filter(user=OuterRef("pk")).exclude(participant=participant)
    return User.objects.filter(~Exists(elsewhere), pk__in=pks, is_staff=False, is_superuser=False)


def people_left(participant: Participant) -> QuerySet[User]:
    """Those of them who are not erased yet."""
    return people_of(participant).exclude(email__endswith=f"@{ERASED_DOMAIN}")


def log_of(participant: Participant) -> QuerySet[LogEntry]:
    """Return what the admin's own log says of it and of its people, under the names of before too."""
    people = list(people_of(participant))
    mine = Membership.objects.filter(participant=participant)
    told = _logged(User, [person.pk for person in people]) | _logged(Participant, [participant.pk])
    told |= _logged(Membership, mine.values_list("pk", flat=True))
    names = names_of(participant) | addresses_of(people)
    return LogEntry.objects.filter(told | Q(pk__in=[pk for name in names for pk in _logged_under(name)]))


def erase_people(participant: Participant) -> int:
    """Erase the people; return how many. Their sessions end, their second factors and sign-in addresses go."""
    people = list(people_left(participant).order_by("pk"))
    for person in people:
        with transaction.atomic():
            erase_person(User.objects.select_for_update().get(pk=person.pk))
    _end_sessions({person.pk for person in people})
    return len(people)


def erase_person(user: User) -> None:
    """Take from a row of a user what tells who it is, and remove what belongs to it alone: whatever the database would
    remove with the row. Belongs in a transaction."""
    for relation in relations_to_users():
        if relation.on_delete is models.CASCADE or relation.related_model._meta.label in _OWN:
            relation.related_model._base_manager.filter(**{relation.field.name: user.pk}).delete()  # noqa: SLF001
    _forget_log(User, [user.pk], user.email)
    user.email, user.name, user.is_active, user.last_login = f"{user.uuid}@{ERASED_DOMAIN}", "", False, None
    user.set_unusable_password()
    user.save()


def erase_memberships(participant: Participant) -> int:
    """Remove the memberships, and what the admin's own log says of them and of the participant. Without an audit entry
    each: that of the erasure says how many there were."""
    with transaction.atomic():
        mine = Membership.objects.filter(participant=participant)
        _forget_log(Membership, mine.values_list("pk", flat=True))
        # By its name too: a change of a product's audience names those who were added.
        _forget_log(Participant, [participant.pk], participant.name)
        return mine.delete()[0]


def erase_name(participant: Participant) -> int:
    """Take the name and the number from the participant's row; return 1, or 0 when that was done before."""
    name = f"Erased participant {str(participant.uuid)[:8]}"
    values = {"name": name, "cnpj": _placeholder(participant), "kind": "other", "blocked_reason": "erased"}
    return _named(participant).update(**values)


def count_names(participant: Participant) -> int:
    """Return 1 while the participant's row has its name."""
    return _named(participant).count()


def _named(participant: Participant) -> QuerySet[Participant]:
    return Participant.objects.filter(pk=participant.pk).exclude(cnpj=_placeholder(participant))


def _placeholder(participant: Participant) -> str:
    # 14 characters as the column wants, no valid CNPJ: letters stand where its check digits are.
    return f"{participant.pk:08d}ERASED"


def _forget_log(model: type[models.Model], pks: Any, name: str = "") -> None:
    """Remove what the admin's own log says of these rows, or of anything under this name."""
    LogEntry.objects.filter(_logged(model, pks) | Q(pk__in=_logged_under(name) if name else ())).delete()


def _logged(model: type[models.Model], pks: Any) -> Q:
    return Q(content_type=ContentType.objects.get_for_model(model), object_id__in=[str(pk) for pk in pks])


def _logged_under(name: str) -> list[int]:
    """The log's rows that name a person (by address) or a participant, whole: its text is read here, because a name may
    stand within another."""
    # Messages are JSON, in which letters with accents may be written by their numbers.
    forms = {name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}
    told = Q()
    for form in forms:
        told |= Q(object_repr__contains=form) | Q(change_message__contains=form)
    whole = _whole("|".join(re.escape(form) for form in forms))
    rows = LogEntry.objects.filter(told).values_list("pk", "object_repr", "change_message")
    return [pk for pk, *texts in rows if any(whole.search(text) for text in texts)]


def _whole(forms: str) -> re.Pattern[str]:
    """As the labels of rows have it: alone, between points (user · participant · role), or an address in brackets."""
    point = r" (?:·|\\u00b7) "
    return re.compile(rf'(?:^|"|{point})(?:{forms})(?:$|"|{point})|\((?:{forms})\)')


def _end_sessions(user_ids: set[int]) -> None:
    """Remove their sessions where sessions are rows. Elsewhere they end at the next request: their users are not active
    any more."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    if not user_ids or not hasattr(store, "get_model_class"):
        return
    for session in store.get_model_class().objects.iterator():
        if session.get_decoded().get("_auth_user_id") in {str(pk) for pk in user_ids}:
            session.delete()
