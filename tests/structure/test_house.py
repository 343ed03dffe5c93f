"""House rules that a machine can check: migrations, registries, sizes, scripts in templates, translations."""

import gettext
import io
import re
from functools import cache
from pathlib import Path

import pytest
from django.core.management import call_command

from portal.catalogues import Catalogue, Key, build_mo, extract, read_po
from portal.management.commands.messages import FOLDERS
from tests.structure.source import ROOT, python_files, templates, tracked_files

PO_FILES = sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po"))
LONGEST_MODULE = 500


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_no_registry_address_stands_anywhere() -> None:
    # Written in pieces, or this file would find itself.
    hosts = ["pypi" + ".org", "python" + "hosted.org", "npmjs" + ".org", "npmjs" + ".com", "deb.debian" + ".org"]
    options = ["--" + "index-url", "--extra-" + "index-url", "--trusted" + "-host"]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked_files()
        if path.suffix not in (".mo", ".woff2", ".png", ".ico", ".gz")
        for word in hosts + options
        if word in path.read_text(errors="replace")
    ]
    assert not found


def test_no_module_grows_past_its_limit() -> None:
    long = {path.relative_to(ROOT): lines for path in python_files() if (lines := _lines(path)) > LONGEST_MODULE}
    assert not long


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_every_room_has_a_name() -> None:
    attics = {"utils.py", "helpers.py", "common.py", "misc.py", "services.py", "selectors.py"}
    assert [path for path in python_files() if path.name in attics] == []


@pytest.mark.parametrize("path", list(templates()), ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_hold_no_inline_script_or_style(path: Path) -> None:
    text = re.sub(r"{#.*?#}|{% comment.*?endcomment %}", "", path.read_text(), flags=re.DOTALL)
    assert not re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", text, re.IGNORECASE)


# --- translations -----------------------------------------------------------------------------------------------


def test_both_languages_have_a_catalogue() -> None:
    assert {path.parts[-3] for path in PO_FILES} == {"en", "pt_BR"}


@cache
def _words_of_the_code() -> Catalogue:
    return extract(ROOT, FOLDERS)


@pytest.mark.parametrize("path", PO_FILES, ids=lambda path: path.parts[-3])
def test_every_word_of_the_code_is_translated(path: Path) -> None:
    """X-5: complete in both languages, and nothing kept that no longer stands in the code."""
    catalogue = read_po(path.read_text())
    found = _words_of_the_code()
    assert sorted(key.text for key in found if key not in catalogue) == []
    assert sorted(key.text for key in catalogue if key not in found and key != Key("")) == []
    assert sorted(key.text for key, message in catalogue.items() if not message.complete) == []


@pytest.mark.parametrize("path", PO_FILES, ids=lambda path: path.parts[-3])
def test_translations_keep_their_placeholders(path: Path) -> None:
    wrong = []
    for key, message in read_po(path.read_text()).items():
        if key == Key(""):
            continue
        wanted = _placeholders(key.text) | _placeholders(message.plural)
        for translation in message.translations:
            given = _placeholders(translation)
            if not given <= wanted or (not message.plural and given != wanted):
                wrong.append(key.text)
    assert not wrong


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[sd]|{\w*}|%[sd]", text))


@pytest.mark.parametrize("path", PO_FILES, ids=lambda path: path.parts[-3])
def test_the_compiled_catalogue_is_fresh(path: Path) -> None:
    committed = gettext.GNUTranslations(io.BytesIO(path.with_suffix(".mo").read_bytes()))
    built = gettext.GNUTranslations(io.BytesIO(build_mo(read_po(path.read_text()))))
    assert vars(committed)["_catalog"] == vars(built)["_catalog"]
