"""One variant, one module: nothing outside its folder names an authentication method, a kind of connection or a client
authentication (docs/adding-an-authentication-method.md)."""

import re
from pathlib import Path

import pytest

from connections.client_auth.registry import METHODS as CLIENT_AUTHENTICATIONS
from connections.kinds.registry import KINDS
from tests.structure.source import ROOT, tracked_files
from webhooks.auth.registry import METHODS

FOLDERS = ("webhooks/auth", "connections/kinds", "connections/client_auth")
# Words that mean other things too, as the names of fields, tables and Python's own.
AMBIGUOUS = {"none", "secret", "basic"}
# "jwt" is also what some servers call the token in their answers.
# Example data says which variants it is made of.
ELSEWHERE = {
    ("jwt", "connections/answers.py"),
    ("oauth2", "portal/demo.py"),
    ("client_secret_basic", "portal/demo.py"),
}
NAMES = sorted({*METHODS, *KINDS, *CLIENT_AUTHENTICATIONS} - AMBIGUOUS)
NOT_THE_PRODUCT = ("tests", "docs", "bench", "static/vendor")


def product_files() -> list[Path]:
    found = [path for path in tracked_files() if path.suffix in (".py", ".html", ".js")]
    return [
        path
        for path in found
        if "migrations" not in path.parts and not path.relative_to(ROOT).as_posix().startswith(NOT_THE_PRODUCT)
    ]


def test_what_is_looked_for_is_there_to_be_found() -> None:
    assert len(NAMES) >= 12
    text = (ROOT / "webhooks/auth/jwt_bearer.py").read_text()
    assert quoted("jwt").search(text)
    assert quoted("jwt_7523").search(text)


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_is_named_in_its_own_folders_only(name: str) -> None:
    naming = [
        path.relative_to(ROOT).as_posix() for path in product_files() if quoted(name).search(_code(path.read_text()))
    ]
    assert naming
    assert [path for path in naming if not path.startswith(FOLDERS) and (name, path) not in ELSEWHERE] == []


def quoted(name: str) -> re.Pattern[str]:
    return re.compile(rf"([\"'\`]){re.escape(name)}\1")


def _code(text: str) -> str:
    """Without lines that are comments, in which an example may stand."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", "//")))
