"""The rows of headers that only the token request carries: Key, Value, and whether the value is a secret (UNICO-28)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext_lazy as _

from connections.forms.secrets import SecretInput, given_or_kept
from connections.values import TokenHeader

FIELDS = ("id", "name", "value", "secret")
# More rows than the rules allow are still read, so that the refusal loses none of them.
READ_AT_MOST = 60
Row = dict[str, Any]


class KeyValueRow(forms.Form):
    """A header's name, its value, and whether that is a secret: what every set of rows has."""

    use_required_attribute = False

    name = forms.CharField(
        label=_("Key"), required=False, widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"})
    )
    # Not stripped: a blank before or after a value is refused with a message, not quietly taken away.
    value = forms.CharField(label=_("Value"), required=False, strip=False)
    secret = forms.BooleanField(label=_("Secret"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain = forms.TextInput({"autocomplete": "off", "spellcheck": "false"})
        self.fields["value"].widget = SecretInput() if self["secret"].value() else plain
        self.fields["value"].widget.is_required = False

    @property
    def blank(self) -> bool:
        return not self.cleaned_data.get("name") and not self.cleaned_data.get("value")


class TokenHeaderRow(KeyValueRow):
    id = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    @property
    def stored(self) -> bool:
        """Whether a secret is kept under the id of this row."""
        return bool(self.initial.get("stored"))

    def values(self) -> TokenHeader:
        data = self.cleaned_data
        row_id, secret, value = data.get("id") or "", bool(data.get("secret")), data.get("value") or ""
        kept = (secret or self.stored) and row_id
        return TokenHeader(data.get("name", ""), given_or_kept(value) if kept else value, secret, row_id)


if TYPE_CHECKING:
    _RowSetBase = BaseFormSet[TokenHeaderRow]
else:
    _RowSetBase = BaseFormSet


class TokenHeaderRows(_RowSetBase):
    def filled(self) -> list[TokenHeaderRow]:
        """Return the rows to save: a row left or made entirely empty is dropped."""
        return [row for row in self.forms if not row.blank]


def make_token_headers(
    data: Any, stored: Sequence[Mapping[str, Any]], *, prefix: str, typed: list[Row] | None = None
) -> TokenHeaderRows:
    """Build the rows: as posted, as typed but not judged, or as stored (id, name, value, secret)."""
    known = {str(header["id"]): header for header in stored}
    initial = [dict(header) for header in stored] if data is None and typed is None else typed or []
    made = formset_factory(
        TokenHeaderRow, formset=TokenHeaderRows, extra=0, max_num=READ_AT_MOST, absolute_max=READ_AT_MOST
    )
    rows = cast(TokenHeaderRows, made(data, prefix=prefix, initial=initial))
    for row in rows.forms:
        # A row that is as it was would otherwise not be read at all, and then be taken for one left empty.
        row.empty_permitted = False
        header = known.get(str(row["id"].value() or ""))
        row.initial["stored"] = bool(header and header.get("secret"))
    return rows


def read_typed_rows(
    data: Any,
    *,
    prefix: str,
    fields: Sequence[str] = FIELDS,
    at_most: int = READ_AT_MOST,
    add: bool = False,
    remove: str = "",
) -> list[Row]:
    """Return posted rows with one more empty row, or without one: the way without JavaScript."""
    total = data.get(f"{prefix}-TOTAL_FORMS", "")
    count = min(int(total), at_most) if str(total).isdecimal() and len(total) < 6 else 0
    rows: list[Row] = [
        {field: data.get(f"{prefix}-{index}-{field}", "") for field in fields}
        for index in range(count)
        if str(index) != remove
    ]
    return [*rows, {"secret": "on"}] if add else rows
