"""The rows of own headers: Key, Value, and whether the value is a secret (UNICO-18, CERC-14)."""

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.http import QueryDict

from connections.forms import header_rows
from connections.forms.header_rows import KeyValueRow
from connections.forms.secrets import given_or_kept
from webhooks.models import Webhook, WebhookHeader
from webhooks.rules import MAX_HEADERS
from webhooks.values import HeaderValues

PREFIX = "headers"
Row = dict[str, Any]
FIELDS = ("uuid", "name", "value", "secret")
# More rows than the rules allow are still read, so that the refusal loses none of them.
READ_AT_MOST = 2 * MAX_HEADERS


class HeaderRow(KeyValueRow):
    uuid = forms.UUIDField(required=False, widget=forms.HiddenInput)

    @property
    def stored_at(self) -> Any:
        """When the stored secret of this row was set; None for a row without one."""
        return self.initial.get("stored_at")

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
    return header_rows.read_typed_rows(data, prefix=PREFIX, fields=FIELDS, at_most=READ_AT_MOST, add=add, remove=remove)


def _initial(header: WebhookHeader) -> Row:
    return {"uuid": header.uuid, "name": header.name, "value": header.value, "secret": header.secret}


def _uuid(value: Any) -> Any:
    try:
        return UUID(str(value))
    except ValueError:
        return None
