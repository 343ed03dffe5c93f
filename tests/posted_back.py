"""A form of a page, as a browser would post it back when nothing was touched."""

from html.parser import HTMLParser
from typing import Any


class _Reader(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.inside, self.fields = form_id, False, dict[str, list[str]]()
        self.select, self.first, self.chosen = "", "", None
        self.textarea, self.noscript = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        given = dict(attrs)
        name = given.get("name", "")
        if tag == "form":
            self.inside = given.get("id") == self.form_id
        self.noscript = self.noscript or tag == "noscript"
        if not self.inside or self.noscript:
            return
        kind = given.get("type")
        if tag == "input" and name and kind not in ("file", "submit"):
            ticked = kind in ("checkbox", "radio")
            if not ticked or "checked" in given:
                self.fields.setdefault(name, []).append(given.get("value", "on" if ticked else "") or "")
        elif tag == "select":
            self.select, self.first, self.chosen = name, "", None
        elif tag == "option" and self.select:
            self.first = self.first or given.get("value", "")
            self.chosen = given.get("value", "") if "selected" in given else self.chosen
        elif tag == "textarea":
            self.textarea = name
            self.fields[name] = [""]

    def handle_data(self, data: str) -> None:
        if self.inside and self.textarea:
            self.fields[self.textarea][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "noscript":
            self.noscript = False
        elif tag == "select" and self.select:
            self.fields[self.select] = [self.first if self.chosen is None else self.chosen]
            self.select = ""
        elif tag == "textarea" and self.textarea:
            self.fields[self.textarea][0] = self.fields[self.textarea][0].removeprefix("\n")
            self.textarea = ""


def posted_back(page: str, form_id: str) -> dict[str, Any]:
    """Return the fields of the form `form_id`, several values of one name as a list. Files are left out."""
    reader = _Reader(form_id)
    reader.feed(page)
    assert reader.fields, f"no form {form_id} on the page"
    return {name: values if len(values) > 1 else values[0] for name, values in reader.fields.items()}
