"""The area of the form that belongs to one authentication method, made from what it asks for."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from access.models import Participant
from connections.forms.fields import make_field, stored_words
from connections.forms.header_rows import TokenHeaderRows, make_token_headers, read_typed_rows
from connections.forms.secrets import given_or_kept
from connections.kinds.field import HEADERS, INTEGER, KEY_PAIR, TEXTAREA, URL, Field
from connections.models import Connection
from connections.values import TokenHeader
from outbound.addresses import is_plain_http
from vault.kept import Kept
from webhooks.auth.connected import CONNECTION, KIND, OWN, ConnectionMethod, joined
from webhooks.auth.method import Asked, AuthMethod, Condition
from webhooks.errors import Problem
from webhooks.forms.key_pair import KeyPairForm
from webhooks.forms.rows import pressed_row_button
from webhooks.models import Webhook
from webhooks.stored import read_stored_auth
from webhooks.values import KeyPairValues

CLEAR = "clear_"
Files = Mapping[str, Any] | None


@dataclass(frozen=True)
class Part:
    """One thing on the page, and the words by which the script shows and hides it."""

    asked: Asked
    kind: str
    shown: bool
    shown_if: str
    required_if: str
    bound: Any = None
    clear: Any = None
    rows: TokenHeaderRows | None = None
    key_pair: KeyPairForm | None = None
    folded: bool = False
    kept: bool = False

    @property
    def filled(self) -> bool:
        if self.rows is not None:
            return bool(self.rows.forms)
        return self.kept or bool(self.bound and (self.bound.value() or self.bound.errors))

    @property
    def address(self) -> bool:
        return self.asked.field.widget == URL

    @property
    def in_the_clear(self) -> bool:
        return self.address and is_plain_http(str(self.bound.value() or ""))

    @property
    def wide(self) -> bool:
        return self.kind != "field" or self.asked.field.widget in (TEXTAREA, URL)


class MethodForm(forms.Form):
    """The settings of `method`; its values are those of the webhook only while that is the webhook's method."""

    use_required_attribute = False

    def __init__(
        self,
        method: AuthMethod,
        participant: Participant,
        data: QueryDict | None = None,
        files: Files = None,
        *,
        webhook: Webhook | None = None,
        typed: QueryDict | None = None,
    ) -> None:
        self.method, self.participant = method, participant
        self.asked = list(method.asked())
        self.stored = read_stored_auth(webhook, method.name)
        super().__init__(data, prefix=method.name)
        self.initial = self._initial(typed)
        self.rows: dict[str, TokenHeaderRows] = {}
        self.key_pairs: dict[str, KeyPairForm] = {}
        for asked in self.asked:
            self._add(asked, files, typed)

    # --- making it ---------------------------------------------------------------------------------------------------

    def _initial(self, typed: QueryDict | None) -> dict[str, Any]:
        plain = [asked.field for asked in self.asked if not asked.field.secret]
        if typed is not None:
            return {field.name: typed.get(self.add_prefix(field.name), "") for field in plain}
        return {field.name: field.default for field in plain if field.default} | dict(self.stored.settings)

    def _add(self, asked: Asked, files: Files, typed: QueryDict | None) -> None:
        name, prefix = asked.field.name, self.add_prefix(asked.field.name)
        data = self.data if self.is_bound else None
        if asked.field.widget == HEADERS:
            rows = _typed_rows(typed, prefix) if typed is not None else None
            self.rows[name] = make_token_headers(data, self.stored.headers, prefix=prefix, typed=rows)
        elif asked.field.widget == KEY_PAIR:
            given = files if data is not None else None
            stored = self.stored.key_pair
            form = KeyPairForm(prefix, self.participant, data, given, stored=stored, typed=typed)
            self.key_pairs[name] = form
            if self.holds(asked.required):
                form.require()
        else:
            self._add_field(asked)

    def _add_field(self, asked: Asked) -> None:
        field = asked.field
        if field.name == CONNECTION and not (shared := self._shared()):
            return
        stored = self._is_kept(asked)
        made = self.fields[field.name] = make_field(field, stored=stored, set_at=self.stored.set_at)
        if self._is_stored(asked) and (words := self._words_of_kinds(field)):
            made.help_text = words
        made.required = not stored and self.holds(asked.required)
        if field.widget == INTEGER:
            made.widget.attrs |= {"min": field.minimum, "max": field.maximum}
        if field.name == CONNECTION:
            made.widget = forms.Select(choices=[*field.choices, *shared])
        if stored and asked.required is None:
            label = format_lazy(_("Remove the stored value: {label}"), label=field.label)
            self.fields[CLEAR + field.name] = forms.BooleanField(label=label, required=False)

    def _is_stored(self, asked: Asked) -> bool:
        return asked.field.secret and asked.field.name in self.stored.secrets

    def _is_kept(self, asked: Asked) -> bool:
        """Whether a secret that is left empty stays as it is: another kind's is never taken over."""
        of_this_kind = not self._stored_kind or self._shown_value(KIND) == self._stored_kind
        return self._is_stored(asked) and of_this_kind

    @property
    def _stored_kind(self) -> str:
        """The kind that the stored values belong to, where the page lets one choose among several."""
        return self.stored.own.kind if self.stored.own and KIND in self.fields else ""

    def _words_of_kinds(self, field: Field) -> Any:
        """The page may show any of the kinds, so each says for itself whether there is something to keep."""
        if not self._stored_kind or not isinstance(self.method, ConnectionMethod):
            return ""
        return joined(self.method.helps(field.name) | {self._stored_kind: stored_words(self.stored.set_at)})

    def _shared(self) -> list[tuple[str, str]]:
        mine = Connection.objects.filter(participant=self.participant, kind__in=self.method.kinds)
        shared = mine.live().shared() if self.method.kinds else mine.none()
        return [(str(each.uuid), each.name) for each in shared.order_by("name", "pk")]

    # --- showing it --------------------------------------------------------------------------------------------------

    def parts(self) -> list[Part]:
        """Return what the page shows at once, in its order."""
        return [part for part in self._parts() if not part.folded]

    def folded_parts(self) -> list[Part]:
        """Return what few need, and what the page therefore shows when it is asked to."""
        return [part for part in self._parts() if part.folded]

    def unfolds(self) -> bool:
        """Whether any of that has a value already, or something wrong with it."""
        return any(part.filled for part in self.folded_parts())

    @property
    def own_if(self) -> str:
        """The condition with which the values are those of the webhook alone, for the script."""
        return self._script((OWN,)) if CONNECTION in self.fields else ""

    @property
    def shows_own(self) -> bool:
        return self.holds((OWN,))

    def _parts(self) -> Iterator[Part]:
        for asked in self.asked:
            name = asked.field.name
            if name in self.fields or name in self.rows or name in self.key_pairs:
                yield self._part(asked)

    def _part(self, asked: Asked) -> Part:
        name = asked.field.name
        kind = "rows" if name in self.rows else "key_pair" if name in self.key_pairs else "field"
        pair = self.key_pairs.get(name)
        stored = bool(pair.stored if pair else self._is_stored(asked))
        kept = bool(pair.stored if pair else self._is_kept(asked))
        return Part(
            asked,
            kind,
            shown=self.holds(asked.shown),
            shown_if=self._script(asked.shown),
            required_if=self._script(self._required(asked, stored)),
            bound=self[name] if name in self.fields else None,
            clear=self[CLEAR + name] if CLEAR + name in self.fields else None,
            rows=self.rows.get(name),
            key_pair=pair,
            folded=self.method.is_folded(name),
            kept=kept,
        )

    def _required(self, asked: Asked, stored: bool) -> tuple[Condition, ...] | None:
        """What is stored need not be given again: a secret only with the kind that it belongs to."""
        if not stored or asked.required is None:
            return asked.required
        if not asked.field.secret or not self._stored_kind:
            return None
        others = (kind for kind in self.method.kinds if kind != self._stored_kind)
        return (*asked.required, (KIND, tuple(others)))

    def holds(self, conditions: tuple[Condition, ...] | None) -> bool:
        """Whether all conditions hold with the values that the page shows now."""
        return conditions is not None and all(self._shown_value(name) in values for name, values in conditions)

    def _shown_value(self, name: str) -> str:
        if name in self.fields:
            return str(self[name].value() or "")
        return str(self.initial.get(name, "")) if name != CONNECTION else ""

    def _script(self, conditions: tuple[Condition, ...] | None) -> str:
        if not conditions:
            return ""
        return json.dumps([[self.add_prefix(name), list(values)] for name, values in conditions])

    # --- reading it --------------------------------------------------------------------------------------------------

    def read(self) -> None:
        self.is_valid()
        for rows in self.rows.values():
            rows.is_valid()
        for form in self.key_pairs.values():
            form.is_valid()

    def settings(self) -> dict[str, str]:
        plain = [asked.field.name for asked in self.asked if not asked.field.secret]
        return {name: self._text(name) for name in plain if name in self.fields}

    def secrets(self) -> Mapping[str, str | Kept]:
        return {each.field.name: self._secret(each.field.name) for each in self.asked if each.field.secret}

    def token_headers(self) -> tuple[TokenHeader, ...]:
        return tuple(row.values() for rows in self.rows.values() for row in rows.filled())

    def key_pair(self) -> KeyPairValues:
        return next((form.values() for form in self.key_pairs.values()), KeyPairValues())

    def _secret(self, name: str) -> str | Kept:
        if self.cleaned_data.get(CLEAR + name) and not self._text(name):
            return ""
        return given_or_kept(self._text(name))

    def _text(self, name: str) -> str:
        return str(self.cleaned_data.get(name) or "")

    def typed_secrets(self, posted: QueryDict, files: Files) -> list[Any]:
        """Return the labels of the secrets that were typed or attached: a page rendered anew shows them empty."""
        fields = [each.field for each in self.asked if each.field.secret]
        labels: list[Any] = [field.label for field in fields if posted.get(self.add_prefix(field.name))]
        for form in self.key_pairs.values():
            labels += form.typed_secrets(posted, files)
        for name in self.rows:
            typed = read_typed_rows(posted, prefix=self.add_prefix(name))
            labels += [row["name"] or _("Value") for row in typed if row["secret"] and row["value"]]
        return labels

    # --- what is wrong with it ---------------------------------------------------------------------------------------

    def forms(self) -> Iterator[forms.Form]:
        """Yield itself and the forms in it, in the order of the page."""
        yield self
        yield from self.key_pairs.values()
        for rows in self.rows.values():
            yield from rows.forms

    def add_problem(self, problem: Problem) -> None:
        """Put a refusal of `auth.<name>` beside its field: `auth.headers.0.value` beside that row's value."""
        _auth, name, *rest = problem.field.split(".")
        if name in self.rows and len(rest) == 2:
            self.rows[name].filled()[int(rest[0])].add_error(rest[1], problem.message)
        elif name in self.key_pairs:
            self.key_pairs[name].add_problem(rest[0] if rest else "certificate", problem.message)
        elif name not in self.errors:
            self.add_error(name if name in self.fields else None, problem.message)


def _typed_rows(typed: QueryDict, prefix: str) -> list[dict[str, Any]]:
    add, remove = pressed_row_button(typed, prefix)
    return read_typed_rows(typed, prefix=prefix, add=add, remove=remove)
