"""The whole form of a webhook: common fields, the method's own, header rows and products, as one thing for views."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.http import QueryDict
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from access.models import Participant
from outbound.addresses import is_plain_http
from webhooks.auth.registry import METHODS
from webhooks.errors import Problem
from webhooks.forms.general import GeneralForm
from webhooks.forms.header_rows import Row, make_header_rows, read_typed_rows
from webhooks.forms.key_pair import KeyPairForm
from webhooks.forms.method import Files, MethodForm
from webhooks.forms.picker import ProductPicker, make_picker
from webhooks.models import Webhook
from webhooks.values import WebhookValues

# The client certificate's place among the form's names and the problems' fields.
CLIENT = "client_key_pair"


@dataclass(frozen=True)
class SummaryLine:
    """One thing to correct. `target` is the id of its control; empty when it has none."""

    label: Any
    message: Any
    target: str = ""


class WebhookEditor:
    """`webhook` None: a new one. `data` and `files`: posted, to be judged. `typed`: posted, only to be shown again,
    with `rows` as its headers. The same object serves saving and Testar."""

    def __init__(
        self,
        participant: Participant,
        webhook: Webhook | None = None,
        *,
        data: QueryDict | None = None,
        files: Files = None,
        typed: QueryDict | None = None,
        rows: list[Row] | None = None,
    ) -> None:
        self.participant, self.webhook, self.files = participant, webhook, files
        self.posted = typed if data is None else data
        self.general = GeneralForm(data, webhook=webhook, typed=typed)
        self.methods = [
            MethodForm(method, participant, data, files, webhook=webhook, typed=typed) for method in METHODS.values()
        ]
        self.client_key_pair = KeyPairForm(
            CLIENT,
            participant,
            data,
            None if data is None else files,
            stored=webhook.client_key_pair if webhook else None,
            typed=typed,
        )
        self.headers = make_header_rows(data, webhook, rows)
        self.product_problems: list[Any] = []

    @cached_property
    def new_uuid(self) -> UUID:
        """The uuid that a new webhook will have: a form sent twice makes one webhook."""
        return (_uuid(self.posted.get("uuid")) if self.posted else None) or uuid4()

    @property
    def shown_method(self) -> str:
        return self.general.chosen_method()

    @cached_property
    def method(self) -> MethodForm:
        return next(form for form in self.methods if form.method.name == self.shown_method)

    @property
    def token_methods(self) -> str:
        """The names of the methods that send a token: headers may have tags with them."""
        return " ".join(form.method.name for form in self.methods if form.method.kinds)

    @cached_property
    def chosen_products(self) -> frozenset[UUID]:
        if self.posted is not None:
            return frozenset(filter(None, map(_uuid, self.posted.getlist("products"))))
        if self.webhook is None:
            return frozenset()
        return frozenset(self.webhook.product_subscriptions.values_list("product__uuid", flat=True))

    @cached_property
    def picker(self) -> ProductPicker:
        return make_picker(self.participant, self.chosen_products)

    @cached_property
    def credentials_in_the_clear(self) -> bool:
        """Whether credentials would travel unencrypted, as the form now stands."""
        address = str(self.general["request_uri"].value() or "")
        secrets = self.shown_method != "none" or any(row["secret"].value() for row in self.headers.forms)
        return is_plain_http(address) and secrets

    def read(self) -> WebhookValues:
        """Return the posted values, a default in place of what can't be read; see `has_problems`."""
        self._clean()
        general = self.general
        count = general.value("rate_limit_count")
        return WebhookValues(
            description=general.cleaned_data.get("description", ""),
            request_uri=general.cleaned_data.get("request_uri", ""),
            active=general.value("active"),
            notify_suspect_score=general.value("notify_suspect_score"),
            retry_interval_seconds=general.value("retry_interval_minutes") * 60,
            max_attempts=general.value("max_attempts"),
            backoff=general.value("backoff"),
            rate_limit_count=count,
            rate_limit_period_seconds=general.value("rate_limit_period_seconds") if count is not None else None,
            body_format=general.value("body_format"),
            auth_method=general.value("auth_method"),
            auth_settings=self.method.settings(),
            auth_secrets=self.method.secrets(),
            token_headers=self.method.token_headers(),
            auth_key_pair=self.method.key_pair(),
            client_key_pair=self.client_key_pair.values(),
            headers=tuple(row.values() for row in self.headers.filled()),
            private_ca=general.cleaned_data.get("private_ca", ""),
            products=self.chosen_products,
            seen_version=general.cleaned_data.get("seen_version"),
            resume=general.cleaned_data.get("resume", False),
        )

    def _clean(self) -> None:
        for method in self.methods:
            method.read()
        for form in (self.general, self.client_key_pair):
            form.is_valid()
        self.headers.is_valid()

    def has_problems(self) -> bool:
        return bool(self.lines())

    def drop_problems(self) -> None:
        """Forget what the forms found wrong, for Testar, which asks less of them."""
        parts = [form for method in self.methods for form in method.forms()]
        for form in (self.general, *parts, self.client_key_pair, *self.headers.forms):
            form.errors.clear()

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Put each refusal beside its field. A field that can't be read has its message already."""
        for problem in problems:
            name, _dot, rest = problem.field.partition(".")
            if name == "auth":
                self.method.add_problem(problem)
            elif name == CLIENT:
                self.client_key_pair.add_problem(rest, problem.message)
            elif name == "headers" and rest:
                index, _dot, part = rest.partition(".")
                self.headers.filled()[int(index)].add_error(part, problem.message)
            elif name == "products":
                self.product_problems.append(problem.message)
            else:
                self._add_general(name, problem.message)

    def _add_general(self, name: str, message: Any) -> None:
        field = name if name in self.general.fields else None
        if field is None or field not in self.general.errors:
            self.general.add_error(field, message)

    def lines(self) -> list[SummaryLine]:
        """Return everything to correct, in the order of the page."""
        lines = [*_lines_of(self.general), *self._method_lines(), *_lines_of(self.client_key_pair)]
        lines += [SummaryLine(_("Headers"), message) for message in self.headers.non_form_errors()]
        for number, row in enumerate(self.headers.forms, start=1):
            lines += _row_lines(number, row)
        return lines + [SummaryLine(_("Products"), message, "products") for message in self.product_problems]

    def _method_lines(self) -> list[SummaryLine]:
        lines = [line for form in (self.method, *self.method.key_pairs.values()) for line in _lines_of(form)]
        for rows in self.method.rows.values():
            lines += [SummaryLine(_("Headers of the token request"), message) for message in rows.non_form_errors()]
            for number, row in enumerate(rows.forms, start=1):
                lines += _row_lines(number, row)
        return lines

    def secrets_to_repeat(self) -> list[Any]:
        """Return what was typed as a secret and is not on the page that is about to be rendered."""
        if self.posted is None:
            return []
        typed = [row for row in read_typed_rows(self.posted) if row["secret"] and row["value"]]
        mine = self.method.typed_secrets(self.posted, self.files)
        mine += self.client_key_pair.typed_secrets(self.posted, self.files)
        return mine + [row["name"] or _("Value") for row in typed]


def _lines_of(form: forms.Form) -> list[SummaryLine]:
    lines = [SummaryLine("", message) for message in form.non_field_errors()]
    for bound in form:
        lines += [SummaryLine(bound.label, message, bound.auto_id) for message in bound.errors]
    return lines


def _row_lines(number: int, row: forms.Form) -> list[SummaryLine]:
    return [
        SummaryLine(format_lazy(_("Header {n}: {label}"), n=number, label=bound.label), message, bound.auto_id)
        for bound in row
        for message in bound.errors
    ]


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
