"""Reads what is installed: the lock file that pip takes, and the list of files that stand in the repository."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# What the lock file calls the project itself, as the one that wants a package.
OURS = "gancho (pyproject.toml)"
_PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")


@dataclass(frozen=True)
class Locked:
    """One package of a lock file. `marker`: where it is installed, empty for everywhere; `via`: who wants it."""

    name: str
    version: str
    marker: str = ""
    digests: list[str] = field(default_factory=list)
    via: list[str] = field(default_factory=list)


def read_lock(path: Path) -> list[Locked]:
    """Return the packages of a lock file, in its order. Raises ValueError for a line that it can't read."""
    found: list[Locked] = []
    for line in path.read_text().splitlines():
        if pin := _PIN.match(line):
            found.append(Locked(pin["name"], pin["version"], pin["marker"] or ""))
        elif digest := re.match(r"^    --hash=sha256:([0-9a-f]{64})(?: \\)?$", line):
            found[-1].digests.append(digest[1])
        elif wanted := re.match(r"^    # (?:via|  ) ?(\S.*)$", line):
            found[-1].via.append(wanted[1])
        elif line.strip() not in ("", "# via"):
            raise ValueError(f"{path.name}: {line}")
    return found


@dataclass(frozen=True)
class Vendored:
    """One package of the front end whose files stand in static/vendor."""

    name: str
    version: str
    licence: str


def read_vendored(path: Path) -> Iterator[Vendored]:
    """Return the packages of VENDORED.md."""
    for cells in read_rows(path.read_text(), heading="package"):
        yield Vendored(cells[0], cells[1], cells[2].partition(" (")[0])


def read_rows(text: str, *, heading: str) -> Iterator[list[str]]:
    """Return the cells of each row of every Markdown table whose first heading is `heading`."""
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == heading:
            inside = True
        elif inside and set(cells[0]) != {"-"}:
            yield cells
