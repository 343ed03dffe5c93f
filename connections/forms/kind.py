"""The fields that belong to one kind of connection, made from what it asks for."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from access.models import Participant
from connections.drafts import stored_secrets
from connections.forms.fields import UnjudgedChoice, make_field
from connections.forms.key_pair import list_key_pairs
from connections.forms.secrets import given_or_kept
from connections.kinds.field import HEADERS, KEY_PAIR, URL, Field
from connections.kinds.kind import Kind
from connections.models import Connection, KeyPair
from connections.querysets import KeyPairQuerySet
from outbound.addresses import is_plain_http
from vault.kept import Kept

CLEAR = "clear_"
NEW = "new"


class KindForm(forms.Form):
    """The values of `connection`, or the defaults of `kind`. `typed`: posted, only to be shown again."""

    use_required_attribute = False

    def __init__(
        self,
        kind: Kind,
        participant: Participant,
        data: Any = None,
        *,
        connection: Connection | None = None,
        typed: Any = None,
        prefix: str | None = None,
    ) -> None:
        self.kind, self.connection, self.participant = kind, connection, participant
        self.stored = frozenset(stored_secrets(connection))
        super().__init__(data, prefix=prefix)
        self.initial = self._stored_values() | (self._typed(typed) if typed is not None else {})
        for field in kind.fields:
            if field.widget != HEADERS:
                self._add(field)

    def _add(self, field: Field) -> None:
        stored = field.secret and field.name in self.stored
        set_at = self.connection.secrets_set_at if self.connection else None
        self.fields[field.name] = (
            self._key_pair_field(field) if field.widget == KEY_PAIR else make_field(field, stored=stored, set_at=set_at)
        )
        if stored and not field.required:
            label = format_lazy(_("Remove the stored value: {label}"), label=field.label)
            self.fields[CLEAR + field.name] = forms.BooleanField(label=label, required=False)

    def _key_pair_field(self, field: Field) -> forms.ChoiceField:
        known = list_key_pairs(self.key_pairs().order_by("name", "pk"), timezone.now())
        nothing = _("Choose one") if field.required else pgettext_lazy("certificate", "None")
        empty = [] if field.required and known else [("", nothing)]
        choices = [*empty, *known, (NEW, _("Upload another one"))]
        return UnjudgedChoice(
            label=field.label, required=field.required, choices=choices, help_text=field.help_text, widget=forms.Select
        )

    def key_pairs(self) -> KeyPairQuerySet:
        """Return those that may be chosen: the shared ones, and the one that is chosen already."""
        mine = KeyPair.objects.live().filter(participant=self.participant)
        found = mine.shared() | mine.filter(connections=self.connection) if self.connection else mine.shared()
        return found.distinct()

    def areas(self) -> list["Area"]:
        """Return the fields in their order, each with the choice that it depends on."""
        return [Area(self, field) for field in self.kind.fields if field.widget != HEADERS]

    def settings(self) -> dict[str, Any]:
        special = {"token_url", "key_pair"}
        plain = [field for field in self.kind.fields if not field.secret and field.widget not in (HEADERS, KEY_PAIR)]
        return {field.name: self._text(field.name) for field in plain if field.name not in special}

    def secrets(self) -> Mapping[str, str | Kept]:
        return {field.name: self._secret(field.name) for field in self.kind.fields if field.secret}

    def token_url(self) -> str:
        return self._text("token_url")

    def chosen_key_pair(self) -> str:
        """Return the uuid of the key pair, `new`, or nothing."""
        return self._text("key_pair")

    def value_of(self, name: str) -> str:
        """Return the value that is on the page now, for the fields that depend on it."""
        return str(self[name].value() or "") if name in self.fields else ""

    def typed_secrets(self, posted: Any) -> list[Any]:
        """Return the labels of the secrets that were typed: a page rendered anew shows them empty."""
        return [field.label for field in self.kind.fields if field.secret and posted.get(self.add_prefix(field.name))]

    def _stored_values(self) -> dict[str, Any]:
        defaults = {field.name: field.default for field in self.kind.fields if field.default}
        if self.connection is None:
            return defaults
        pair = self.connection.key_pair
        columns = {"token_url": self.connection.token_url, "key_pair": str(pair.uuid) if pair else ""}
        return defaults | dict(self.connection.settings) | columns

    def _typed(self, typed: Any) -> dict[str, Any]:
        shown = [field.name for field in self.kind.fields if not field.secret and field.widget != HEADERS]
        return {name: typed.get(self.add_prefix(name), "") for name in shown}

    def _secret(self, name: str) -> str | Kept:
        if self.cleaned_data.get(CLEAR + name) and not self._text(name):
            return ""
        return given_or_kept(self._text(name))

    def _text(self, name: str) -> str:
        return str(self.cleaned_data.get(name) or "")


class Area:
    """One field, with what belongs to it on the page."""

    def __init__(self, form: KindForm, field: Field) -> None:
        self.field, self.bound = field, form[field.name]
        self.clear = form[CLEAR + field.name] if CLEAR + field.name in form.fields else None
        self.wide = field.widget in ("textarea", "list", "url")
        self.depends_on, values = field.shown_for or ("", ())
        self.depends_on = form.add_prefix(self.depends_on) if self.depends_on else ""
        self.values = " ".join(values)
        self.address = field.widget == URL
        self.in_the_clear = self.address and is_plain_http(str(self.bound.value() or ""))
        self.hidden = bool(field.shown_for) and form.value_of(field.shown_for[0]) not in values  # type: ignore[index]
