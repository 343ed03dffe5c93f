"""The documentation holds together: its links lead somewhere, its commands and settings exist, its labels are true."""

import re
from pathlib import Path

import pytest

from catalog.demo import PRODUCTS
from portal import demo
from portal.catalogues import Key, extract, read_po
from portal.management.commands.messages import FOLDERS
from tests.structure.source import ROOT, tracked_files

PAGES = [path for path in tracked_files() if path.suffix == ".md" and path.parts[len(ROOT.parts)] != "static"]
PO = ROOT / "locale" / "pt_BR" / "LC_MESSAGES" / "django.po"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = page.read_text()
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(text)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, heading = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists() or (heading and heading not in _anchors(file.read_text())):
            broken.append(target)
    assert broken == []


def _without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_stands_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {path.name for path in PAGES if path.parent == ROOT / "docs"} - {"README.md"}
    assert {page for page in pages if f"]({page})" not in index} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_settings_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`(?:[A-Z]+=\S+ )*make ([a-z]+)", text)) - targets == set()
    commands = {path.stem for path in tracked_files() if path.parent.name == "commands"}
    known = commands | {"check", "migrate", "shell", "makemigrations", "runserver"}
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) - known == set()
    settings = set(re.findall(r"\bPORTAL_[A-Z_]+\b(?!\*)", text))
    example = (ROOT / ".env.example").read_text()
    assert {name for name in settings if name not in example and not name.endswith("_")} == set()


def test_the_readme_names_the_demo_accounts_that_there_are() -> None:
    text = (ROOT / "README.md").read_text()
    told = set(re.findall(r"`(\S+@\S+)`", text))
    members = {f"{first}@{demo.PARTICIPANTS[0][2]}" for _name, first, _role in demo.PEOPLE}
    assert told == members | {demo.STAFF, f"paulo@{demo.PARTICIPANTS[1][2]}"}
    assert f"password `{demo.PASSWORD}`" in text
    [code] = re.findall(r"publish --product (\S+)", text)
    assert code in {product.code for product in PRODUCTS if product.make_rows}


def test_labels_that_the_guides_fix_are_those_of_the_translation() -> None:
    """X-5: to the letter, and in use."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| [A-Z]+-\d+", (ROOT / "docs" / "labels.md").read_text(), re.M)
    assert len(rows) > 20
    catalogue, used = read_po(PO.read_text()), extract(ROOT, FOLDERS)
    wrong = [
        (portuguese, english)
        for portuguese, english in rows
        if not any(
            key.text == english and key in used and message.translations == [portuguese]
            for key, message in catalogue.items()
            if key != Key("")
        )
    ]
    assert wrong == []
