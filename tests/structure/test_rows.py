"""Every requirement that works has a test that names it: by its row's id, in the test's name or beside it."""

import re

import pytest

from tests.structure.source import ROOT, tracked_files

# What the product does so far. A new row stands here once something that proves it is named after it.
ROWS = {
    "ONS": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21),
    "UNICO": (1, 8, 9, *range(11, 35)),
    "CERC": tuple(range(14, 24)),
    "BTG": (4, 5, 6, 7, 8, 11, 12, 17, 19),
    "GSAN": (12, 13),
    "X": (1, 2, 3, 4, 5),
}
IDS = [(family, number) for family, numbers in ROWS.items() for number in numbers]


def files_with_tests() -> dict[str, str]:
    """The text of every test file but this one."""
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for path in tracked_files()
        if path.is_relative_to(ROOT / "tests") and path.name.startswith("test_") and path.name != "test_rows.py"
    }


@pytest.mark.parametrize(("family", "number"), IDS, ids=str)
def test_the_row_is_named_by_a_test(family: str, number: int) -> None:
    # ONS-3 and ONS-03 in words, ons_03 in the name of a function.
    named = re.compile(rf"\b{family}-0?{number}\b|_{family.lower()}_0?{number}(?=_|\b)")
    assert [path for path, text in files_with_tests().items() if named.search(text)]
