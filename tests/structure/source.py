"""The source as the structure tests see it: files that git knows, and who stands on which floor."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# From the ground up; vault and outbound stand beside each other, catalog and connections too.
FLOORS = {
    "vault": 0,
    "outbound": 0,
    "access": 1,
    "notices": 2,
    "catalog": 3,
    "connections": 3,
    "webhooks": 4,
    "dispatch": 5,
    "portal": 6,
}
APPS = tuple(FLOORS)


def may_name(app: str, other: str) -> bool:
    """Whether code of `app` may name something of `other`: its own, or what stands below."""
    return app == other or FLOORS[other] < FLOORS[app]


@cache
def tracked_files() -> tuple[Path, ...]:
    """Files in git and new ones not ignored: what a clone would have, or will have."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return tuple(ROOT / name for name in names if name and (ROOT / name).is_file())


def app_of(path: Path) -> str:
    """The app that a Python file or a template belongs to; "" for the frame of the house, which is everybody's."""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "templates":
        parts = parts[1:]
    return parts[0] if parts[0] in FLOORS and len(parts) > 1 else ""


def python_files() -> Iterator[Path]:
    """Python files of the apps, without migrations."""
    for path in tracked_files():
        if path.suffix == ".py" and app_of(path) and "migrations" not in path.parts:
            yield path


def templates() -> Iterator[Path]:
    for path in tracked_files():
        if path.suffix == ".html":
            yield path


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every text constant of a Python file, with its line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
