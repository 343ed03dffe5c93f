"""A certificate with its key as a form wants it: what is stored or shared of it found, what was uploaded judged."""

from dataclasses import dataclass, field
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from access.models import Participant
from connections.errors import CannotUse, KeyPairRefused
from connections.errors import Problem as Refusal
from connections.key_pairs import KeyMaterial, Upload, read_key_pair
from connections.models import KeyPair
from connections.tokens import material_of
from webhooks.values import KeyPairValues


@dataclass(frozen=True, repr=False)
class KeyPairDraft:
    """`stored`: a row that is there already, shared or the webhook's own. `upload`: what a row is still to be made of,
    `material` its content once judged. Neither: none was wanted, or none that may be used."""

    stored: KeyPair | None = None
    upload: Upload | None = None
    material: KeyMaterial | None = None
    problems: tuple[Refusal, ...] = field(default=())

    def __bool__(self) -> bool:
        return self.stored is not None or self.upload is not None


def make_key_pair_draft(values: KeyPairValues, stored: KeyPair | None, participant: Participant | None) -> KeyPairDraft:
    """`stored`: the webhook's own so far. Somebody else's shared one is not found, and so it is missing."""
    if values.shared:
        return _draft_of(_shared(values.shared, participant), missing=True)
    if values.upload:
        return _judge(values.upload)
    return _draft_of(stored if values.own and stored and not stored.shared else None, missing=False)


def _shared(uuid: UUID, participant: Participant | None) -> KeyPair | None:
    return KeyPair.objects.live().shared().filter(participant=participant, uuid=uuid).first()


def _draft_of(row: KeyPair | None, *, missing: bool) -> KeyPairDraft:
    if row is None:
        gone = Refusal("shared", "key_pair_unknown", _("This certificate is no longer available. Choose another one."))
        return KeyPairDraft(problems=(gone,) if missing else ())
    try:
        return KeyPairDraft(row, material=material_of(row))
    except CannotUse:
        message = _("The stored private key can't be opened. Give certificate and key again.")
        return KeyPairDraft(row, problems=(Refusal("private_key", "secret_unreadable", message),))


def _judge(upload: Upload) -> KeyPairDraft:
    try:
        return KeyPairDraft(upload=upload, material=read_key_pair(upload, now=timezone.now()).material)
    except KeyPairRefused as refused:
        return KeyPairDraft(upload=upload, problems=refused.problems)
