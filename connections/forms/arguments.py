"""The arguments of "Obter Credenciais": what its kind asks for besides the connection."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django import forms

from connections.errors import Problem
from connections.forms.fields import make_field
from connections.kinds.field import LIST
from connections.kinds.kind import Kind


class ArgumentsForm(forms.Form):
    """`before`: the arguments of the last run, to begin with."""

    use_required_attribute = False

    def __init__(self, kind: Kind, data: Any = None, *, before: Mapping[str, Any] | None = None) -> None:
        first = {field.name: field.default for field in kind.arguments if field.default}
        super().__init__(data, initial=first | dict(before or {}))
        self.kind = kind
        for field in kind.arguments:
            self.fields[field.name] = make_field(field)

    def laid_out(self) -> Iterator[tuple[forms.BoundField, bool]]:
        """Yield the fields for two columns, and whether one takes both: lists begin on a line of their own."""
        left, following = True, [*self.kind.arguments[1:], None]
        for field, after in zip(self.kind.arguments, following, strict=True):
            alone = after is None or (field.widget != LIST and after.widget == LIST)
            wide = left and alone and field.widget != LIST
            yield self[field.name], wide
            left = wide or not left

    def arguments(self) -> dict[str, Any]:
        """Return what was typed, read and not judged."""
        self.is_valid()
        return {field.name: self.cleaned_data.get(field.name) for field in self.kind.arguments}

    def add_problems(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.add_error(problem.field if problem.field in self.fields else None, problem.message)
