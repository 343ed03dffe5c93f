"""Parts of admin pages in words for people: titles, lists of facts, results, filters."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.templatetags.house import state

Words = Promise | str


class WordedMixin(admin.ModelAdmin):
    """A list that says in a sentence what its rows are, and pages whose title is that of people, not of the code."""

    change_list_template = "admin/operations/explained_list.html"
    change_form_template = "admin/operations/titled_form.html"
    empty_value_display = "–"
    explanation: Words = ""

    class Media:
        css = {"all": ["css/admin-operations.css"]}

    def title_of(self, row: Any) -> str:
        return str(row)

    def render_change_form(self, request: HttpRequest, context: Any, *given: Any, **named: Any) -> HttpResponse:
        if row := named.get("obj"):
            context["subtitle"] = self.title_of(row)
        return super().render_change_form(request, context, *given, **named)


class WordedFilter(admin.FieldListFilter):
    """Goes before one of Django's filters of a column: `heading` is its title, `words` are those of its choices, "all"
    left out."""

    heading: Words = ""
    words: tuple[Words, ...] = ()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.title = str(self.heading)

    def choices(self, changelist: Any) -> Iterator[Any]:
        everything, *found = super().choices(changelist)
        yield everything
        for place, choice in enumerate(found):
            yield choice | {"display": str(self.words[place])} if place < len(self.words) else choice


class ResultFilter(WordedFilter, admin.BooleanFieldListFilter):
    heading = gettext_lazy("result")
    words = (gettext_lazy("Succeeded"), gettext_lazy("Failed or not finished"))


class StatusFilter(WordedFilter, admin.AllValuesFieldListFilter):
    heading = gettext_lazy("status of the answer")

    def has_output(self) -> bool:
        return len(list(self.lookup_choices)) > 0


def result(succeeded: bool, finished: bool) -> SafeString:
    """Return icon, word and colour of something that was tried."""
    if succeeded:
        return state(tone="ok", icon="circle-check", word=_("Succeeded"), badge=False)
    if finished:
        return state(tone="bad", icon="circle-x", word=_("Failed"), badge=False)
    return state(tone="idle", icon="hourglass", word=_("Not finished"), badge=False)


def facts(rows: Iterable[tuple[Any, Any]]) -> SafeString | str:
    """Return labels with their values; those without a value are left out."""
    filled = [(label, value) for label, value in rows if value]
    if not filled:
        return "–"
    return format_html('<dl class="facts">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", filled))


def breakable(address: str) -> SafeString:
    """Return an address that breaks after its slashes, where it has to."""
    # Safe: each part is escaped.
    return SafeString("/<wbr>".join(escape(part) for part in address.split("/")).replace("/<wbr>/<wbr>", "//"))
