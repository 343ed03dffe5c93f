"""The rows of own headers: Key, Value, and whether the value is a secret (UNICO-18, CERC-14)."""

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from connections.forms.secrets import SecretInput, given_or_kept
from webhooks.models import Webhook, WebhookHeader
from webhooks.rules import MAX_HEADERS
from webhooks.values import HeaderValues

PREFIX = "headers"
Row = dict[str, Any]
FIELDS = ("uuid", "name", "value", "secret")
# More rows than the rules allow are still read, so that the refusal loses none of them.
READ_AT_MOST = 2 * MAX_HEADERS


class HeaderRow(forms.Form):
    use_required_attribute = False

    uuid = forms.UUIDField(required=False, widget=forms.HiddenInput)
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
    def stored_at(self) -> Any:
        """When the stored secret of this row was set; None for a row without one."""
        return self.initial.get("stored_at")

    @property
    def blank(self) -> bool:
        return not self.cleaned_data.get("name") and not self.cleaned_data.get("value")

    def values(self) -> HeaderValues:
        data = self.cleaned_data
        uuid, secret, value = data.get("uuid"), data.get("secret", True), data.get("value") or ""
        keeps = secret or self.stored_at is not None
        return HeaderValues(data.get("name", ""), given_or_kept(value) if keeps and uuid else value, secret, uuid)


if TYPE_CHECKING:
    _RowSetBase = BaseFormSet[HeaderRow]
else:
    _RowSetBase = BaseFormSet


class HeaderRowSet(_RowSetBase):
    def filled(self) -> list[HeaderRow]:
        """Return the rows to save: a row left or made entirely empty is dropped."""
        return [row for row in self.forms if not row.blank]


def _row_set(data: Any, initial: list[Row]) -> HeaderRowSet:
    made = formset_factory(HeaderRow, formset=HeaderRowSet, extra=0, max_num=READ_AT_MOST, absolute_max=READ_AT_MOST)
    return cast(HeaderRowSet, made(data, prefix=PREFIX, initial=initial))


def make_header_rows(data: QueryDict | None, webhook: Webhook | None, typed: list[Row] | None = None) -> HeaderRowSet:
    """Build the rows: as posted, as typed but not judged, or as stored; each knows what is stored under its uuid."""
    stored = {header.uuid: header for header in webhook.headers.all()} if webhook else {}
    initial = [_initial(header) for header in stored.values()] if data is None and typed is None else typed or []
    rows = _row_set(data, initial)
    for row in rows.forms:
        # A row that is as it was would otherwise not be read at all, and then be taken for one left empty.
        row.empty_permitted = False
        header = stored.get(_uuid(row["uuid"].value()))
        row.initial["stored_at"] = header.secret_set_at if header else None
    return rows


def read_typed_rows(data: QueryDict, *, add: bool = False, remove: str = "") -> list[Row]:
    """Return posted rows with one more empty row, or without one: the way without JavaScript."""
    rows: list[Row] = [
        {field: data.get(f"{PREFIX}-{index}-{field}", "") for field in FIELDS}
        for index in range(_number(data.get(f"{PREFIX}-TOTAL_FORMS")))
        if str(index) != remove
    ]
    return [*rows, {"secret": "on"}] if add else rows


def _initial(header: WebhookHeader) -> Row:
    return {"uuid": header.uuid, "name": header.name, "value": header.value, "secret": header.secret}


def _uuid(value: Any) -> Any:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _number(text: Any) -> int:
    return min(int(text), READ_AT_MOST) if str(text).isdecimal() and len(text) < 6 else 0
