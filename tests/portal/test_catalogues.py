"""Catalogues without gettext's programs: extraction, .po and .mo."""

import gettext
import io
from pathlib import Path

import pytest

from portal.catalogues import Key, Message, build_mo, extract, merge, read_po, write_po

PO = r"""# Portuguese
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\n"

#: access/forms.py access/views.py
msgid "Say \"yes\"\n"
msgstr ""
"Diga "
"\"sim\"\n"

#, python-format
msgctxt "of a file"
msgid "%(n)s part"
msgid_plural "%(n)s parts"
msgstr[0] "%(n)s parte"
msgstr[1] "%(n)s partes"

#, fuzzy
msgid "Old"
msgstr "Velho"
"""


def test_a_po_file_survives_being_read_and_written() -> None:
    catalogue = read_po(PO)
    assert catalogue[Key('Say "yes"\n')].translations == ['Diga "sim"\n']
    assert catalogue[Key('Say "yes"\n')].places == ["access/forms.py", "access/views.py"]
    assert catalogue[Key("%(n)s part", "of a file")].translations == ["%(n)s parte", "%(n)s partes"]
    assert [key.text for key, message in catalogue.items() if message.fuzzy] == ["Old"]
    assert read_po(write_po(catalogue)) == catalogue


def test_python_reads_the_mo_file() -> None:
    translations = gettext.GNUTranslations(io.BytesIO(build_mo(read_po(PO))))
    assert translations.gettext('Say "yes"\n') == 'Diga "sim"\n'
    assert translations.npgettext("of a file", "%(n)s part", "%(n)s parts", 1) == "%(n)s parte"
    assert translations.npgettext("of a file", "%(n)s part", "%(n)s parts", 2) == "%(n)s partes"
    assert translations.gettext("Old") == "Old", "a fuzzy translation is not used"


@pytest.mark.parametrize(
    ("name", "text", "keys"),
    [
        ("a.py", '_("One")\ngettext_lazy("Two" " words")\n_(variable)\n', ["One", "Two words"]),
        ("a.py", 'ngettext("%(n)s a", "%(n)s b", n)', ["%(n)s a"]),
        ("a.py", 'translation.pgettext("verb", "Open")', ["Open"]),
        ("a.html", '{% load i18n %}<p title="{% translate "T" %}">{{ _("U") }}</p>', ["T", "U"]),
        ("a.html", "{% blocktranslate trimmed with a=b %}\n  Hi\n  {{ a }}\n{% endblocktranslate %}", ["Hi %(a)s"]),
        ("a.html", "{% blocktranslate count n=n %}1 x{% plural %}{{ n }} x{% endblocktranslate %}", ["1 x"]),
        ("a.html", "<p>it's plain</p> {# _('no') #}", []),
        ("a.css", "_('no')", []),
    ],
)
def test_marked_texts_are_found(tmp_path: Path, name: str, text: str, keys: list[str]) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / name).write_text(text)
    assert [key.text for key in extract(tmp_path, ["app"])] == keys


def test_context_and_plural_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('npgettext("of a file", "part", "parts", n)')
    assert extract(tmp_path, ["."]) == {Key("part", "of a file"): Message("parts", [], ["a.py"])}


def test_merging_keeps_what_stands_and_drops_what_left_the_code() -> None:
    known = read_po(PO)
    found = {Key('Say "yes"\n'): Message(places=["new.py"]), Key("New"): Message()}
    merged = merge(known, found, source_language=False)
    assert set(merged) == {Key(""), Key('Say "yes"\n'), Key("New")}
    assert merged[Key('Say "yes"\n')] == Message(translations=['Diga "sim"\n'], places=["new.py"])
    assert not merged[Key("New")].complete
    assert merge(known, found, source_language=True)[Key("New")].translations == ["New"]
