"""The whole form of a connection: name and description, the fields of its kind, header rows and, where it is wanted, an
upload; as one thing for views."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from access.models import Participant
from connections.errors import Problem
from connections.forms.header_rows import Row, TokenHeaderRows, make_token_headers
from connections.forms.key_pair import UploadForm
from connections.forms.kind import NEW, KindForm
from connections.kinds.field import HEADERS, KEY_PAIR
from connections.kinds.kind import Kind
from connections.models import Connection, KeyPair
from connections.pages.answers import form_lines
from connections.values import ConnectionValues

ROWS = "headers"
UPLOAD = "upload"


class CommonForm(forms.Form):
    use_required_attribute = False

    name = forms.CharField(label=_("Name"), max_length=120, widget=forms.TextInput({"autocomplete": "off"}))
    description = forms.CharField(
        label=_("Description"), required=False, max_length=2_000, widget=forms.Textarea({"rows": 2})
    )
    private_ca = forms.CharField(
        label=_("Private certificate authority"),
        required=False,
        strip=True,
        widget=forms.Textarea({"rows": 4, "class": "input-mono", "spellcheck": "false"}),
        help_text=_(
            "PEM text, only if the token endpoint's certificate does not come from a public authority. "
            "Then only this authority counts."
        ),
    )


class ConnectionEditor:
    """`connection` None: a new one. `data` with `files`: posted, to be judged. `typed`: posted, only to be shown again,
    with `rows` as its headers."""

    def __init__(
        self,
        participant: Participant,
        kind: Kind,
        connection: Connection | None = None,
        *,
        data: Any = None,
        files: Any = None,
        typed: Any = None,
        rows: list[Row] | None = None,
    ) -> None:
        self.participant, self.kind, self.connection = participant, kind, connection
        self.posted = typed if data is None else data
        self.common = CommonForm(data, initial=_initial(connection) | (typed.dict() if typed is not None else {}))
        self.fields = KindForm(kind, participant, data, connection=connection, typed=typed)
        self.upload = UploadForm(data, files, prefix=UPLOAD)
        self.headers = self._headers(data, rows) if self.has_headers else None
        if connection is None:
            self.common.fields["name"].widget.attrs["autofocus"] = True

    @cached_property
    def new_uuid(self) -> UUID:
        """The uuid that a new connection will have: a form sent twice makes one connection."""
        return (_uuid(self.posted.get("uuid")) if self.posted is not None else None) or uuid4()

    @property
    def has_headers(self) -> bool:
        return any(field.widget == HEADERS for field in self.kind.fields)

    @property
    def has_key_pair(self) -> bool:
        return any(field.widget == KEY_PAIR for field in self.kind.fields)

    @property
    def shows_upload(self) -> bool:
        return self.has_key_pair and self.fields.value_of(KEY_PAIR) == NEW

    @property
    def wants_upload(self) -> bool:
        asked = self.kind.asks_for_key(self.fields.settings())
        return asked and self.fields.chosen_key_pair() == NEW

    def _headers(self, data: Any, rows: list[Row] | None) -> TokenHeaderRows:
        stored = self.connection.settings.get(ROWS, []) if self.connection else []
        return make_token_headers(data, stored, prefix=ROWS, typed=rows)

    @cached_property
    def key_pair(self) -> KeyPair | None:
        """The stored key pair that was chosen. Somebody else's is not found, and so it is missing."""
        uuid = _uuid(self.fields.chosen_key_pair())
        return self.fields.key_pairs().filter(uuid=uuid).first() if uuid else None

    def read(self) -> ConnectionValues:
        """Return the posted values, not judged but for what can't be read; see `lines`."""
        for form in (self.common, self.fields, self.upload):
            form.is_valid()
        rows = self.headers.filled() if self.headers is not None and self.headers.is_valid() else []
        return ConnectionValues(
            kind=self.kind.name,
            name=self.common.cleaned_data.get("name", ""),
            description=self.common.cleaned_data.get("description", ""),
            token_url=self.fields.token_url(),
            settings=self.fields.settings(),
            secrets=self.fields.secrets(),
            headers=tuple(row.values() for row in rows),
            key_pair=self.key_pair,
            private_ca=self.common.cleaned_data.get("private_ca", ""),
        )

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Put each refusal beside its field. A field that can't be read has its message already."""
        for problem in problems:
            name, _dot, rest = problem.field.partition(".")
            if name == ROWS and rest and self.headers is not None:
                index, _dot, part = rest.partition(".")
                self.headers.filled()[int(index)].add_error(part, problem.message)
            elif name in self.common.fields:
                _add(self.common, name, problem.message)
            else:
                _add(self.fields, name, problem.message)

    def lines(self) -> list[tuple[Any, Any, str]]:
        """Return everything to correct, in the order of the page: label, message, id of the control."""
        lines = form_lines(self.common, self.fields)
        if self.wants_upload:
            lines += form_lines(self.upload)
        if self.headers is None or not self.headers.is_bound:
            return lines
        lines += [(_("Headers"), message, "") for message in self.headers.non_form_errors()]
        for number, row in enumerate(self.headers.forms, start=1):
            for label, message, target in form_lines(row):
                lines.append((format_lazy(_("Header {n}: {label}"), n=number, label=label), message, target))
        return lines

    def secrets_to_repeat(self) -> list[Any]:
        """Return what was typed as a secret or chosen as a file and is not on the page that is about to be rendered."""
        if self.posted is None:
            return []
        rows = (prefix for prefix in (f"{ROWS}-{index}" for index in range(len(self.headers or ()))))
        typed = [
            prefix for prefix in rows if self.posted.get(f"{prefix}-secret") and self.posted.get(f"{prefix}-value")
        ]
        headers = [self.posted.get(f"{prefix}-name") or _("Value") for prefix in typed]
        files = [self.upload.fields[name].label for name in ("certificate", "private_key")] if self.shows_upload else []
        return self.fields.typed_secrets(self.posted) + headers + files


def _add(form: forms.Form, name: str, message: Any) -> None:
    field = name if name in form.fields else None
    if field is None or field not in form.errors:
        form.add_error(field, message)


def _initial(connection: Connection | None) -> dict[str, Any]:
    if connection is None:
        return {}
    return {name: getattr(connection, name) for name in CommonForm.base_fields}


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
