"""A certificate with its key in a webhook's form: two files of its own, or one that several webhooks share."""

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from access.models import Participant
from connections.forms.key_pair import UploadForm
from connections.models import KeyPair
from webhooks.values import KeyPairValues

FILES = ("certificate", "private_key")


class KeyPairForm(UploadForm):
    """`stored`: what the webhook has now. The files are never sent back, so there is nothing to show again of them but
    what the stored certificate says of itself."""

    shared = forms.ChoiceField(label=_("Certificate and key"), required=False)
    remove = forms.BooleanField(label=_("Remove the stored certificate and key"), required=False)

    def __init__(
        self,
        prefix: str,
        participant: Participant,
        data: Any = None,
        files: Any = None,
        *,
        stored: KeyPair | None = None,
        typed: Any = None,
    ) -> None:
        super().__init__(data, files, named=False, prefix=prefix)
        self.stored = stored if stored and not stored.shared else None
        self.initial = {"shared": str(stored.uuid) if stored and stored.shared else ""}
        if typed is not None:
            self.initial = {name: typed.get(self.add_prefix(name), "") for name in ("shared", "remove")}
        self._offer(participant)
        for name in FILES:
            self.fields[name].required = False
        if self.stored is None:
            del self.fields["remove"]

    def _offer(self, participant: Participant) -> None:
        self.known = list(KeyPair.objects.filter(participant=participant).live().shared().order_by("name", "pk"))
        if not self.known:
            del self.fields["shared"]
            return
        choices = [(str(each.uuid), f"{each.name} · {each.key_words}") for each in self.known]
        self.fields["shared"].choices = [("", _("Files of this webhook")), *choices]  # type: ignore[attr-defined]

    @property
    def chosen(self) -> str:
        """The uuid of the shared one that the page shows now."""
        return str(self["shared"].value() or "") if "shared" in self.fields else ""

    @property
    def in_use(self) -> bool:
        return bool(self.stored or self.chosen)

    @property
    def shared_field(self) -> forms.BoundField | None:
        return self["shared"] if "shared" in self.fields else None

    @property
    def remove_field(self) -> forms.BoundField | None:
        return self["remove"] if "remove" in self.fields else None

    def require(self) -> None:
        """Mark the files as mandatory, unless there are some already; those can only be replaced then."""
        self.fields.pop("remove", None)
        for name in FILES:
            self.fields[name].required = self.stored is None

    def clean(self) -> None:
        """Of two files one may not be missing; whether both may be is judged by whoever asked for them."""
        if not self.cleaned_data.get("shared") and any(self.cleaned_data.get(name) for name in FILES):
            super().clean()

    def values(self) -> KeyPairValues:
        upload = self.upload()
        if chosen := _uuid(self.cleaned_data.get("shared")):
            return KeyPairValues(shared=chosen)
        if upload.certificate_name or upload.private_key_name:
            return KeyPairValues(own=True, upload=upload)
        return KeyPairValues(own=self.stored is not None and not self.cleaned_data.get("remove"))

    def add_problem(self, name: str, message: Any) -> None:
        """Put a refusal beside its field; what concerns the whole stands beside the first one."""
        field = name if name in self.fields else "certificate"
        if field not in self.errors:
            self.add_error(field, message)

    def typed_secrets(self, posted: Any, files: Any) -> list[Any]:
        """Return the labels of what was given and must be given again on a page rendered anew."""
        names = [name for name in FILES if files and files.get(self.add_prefix(name))]
        names += [name for name in ("password",) if posted.get(self.add_prefix(name))]
        return [self.fields[name].label for name in names]


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
