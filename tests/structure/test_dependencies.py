"""docs/dependencies.md has a row for every locked package, and says of its licence what the package itself says."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from deploy.sbom.bill import read_licences
from deploy.sbom.lock import OURS, Locked, read_lock, read_rows
from tests.structure.source import ROOT

PAGE = ROOT / "docs" / "dependencies.md"
DEVELOPMENT = "gancho (pyproject.toml:dev)"  # as the lock file calls who wants a package
DIRECT, BROUGHT, DEVELOPING = 5, 3, 4  # columns of the three tables
# What packages write in the place of an SPDX identifier, and the words of their classifiers.
WRITTEN = {
    "Apache-2.0": {"Apache 2.0", "Apache Software License"},
    "BSD-2-Clause": {"BSD", "BSD 2-Clause License", "BSD License"},
    "BSD-3-Clause": {"BSD", "BSD License", "New BSD"},
    "LGPL-3.0-only": {"LGPLv3"},
    "MIT": {"MIT License"},
    "MPL-2.0": {"Mozilla Public License 2.0 (MPL 2.0)"},
}


def rows_of(columns: int) -> dict[str, list[str]]:
    rows = [cells for cells in read_rows(PAGE.read_text(), heading="library") if len(cells) == columns]
    assert len({cells[0] for cells in rows}) == len(rows), "a library has two rows"
    return {cells[0]: cells for cells in rows}


def locked(name: str) -> dict[str, Locked]:
    return {package.name: package for package in read_lock(ROOT / name)}


def test_every_library_that_the_portal_names_has_its_row() -> None:
    packages = locked("requirements.lock").values()
    assert set(rows_of(DIRECT)) == {each.name for each in packages if OURS in each.via}
    assert set(rows_of(BROUGHT)) == {each.name for each in packages if OURS not in each.via}


def test_every_library_that_develops_it_has_its_row() -> None:
    wanted = {each.name for each in locked("requirements-dev.lock").values() if DEVELOPMENT in each.via}
    # Named for the tests too: they have their row above.
    assert set(rows_of(DEVELOPING)) == wanted - set(rows_of(DIRECT))


def test_no_cell_is_empty() -> None:
    rows = [cells for columns in (DIRECT, BROUGHT, DEVELOPING) for cells in rows_of(columns).values()]
    assert len(rows) > 60
    assert [cells for cells in rows if not all(cells)] == []


def test_what_is_brought_along_is_told_of_the_package_that_brings_it() -> None:
    packages = locked("requirements.lock")
    wrong = []
    for name, cells in rows_of(BROUGHT).items():
        told = {word for word in re.findall(r"[a-z][a-z0-9-]+", re.split("[:;]", cells[1])[0]) if word in packages}
        if not told or not told <= set(packages[name].via):
            wrong.append(f"{name}: {cells[1]}, not {packages[name].via}")
    assert wrong == []


def test_the_lock_file_of_development_has_the_versions_of_production() -> None:
    production, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: each.version for name, each in production.items()} == {
        name: development[name].version for name in production
    }


@pytest.mark.parametrize("name", sorted(read_licences(PAGE)))
def test_licence_is_the_one_that_the_package_tells(name: str) -> None:
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        markers = {locked(file)[name].marker for file in ("requirements.lock", "requirements-dev.lock")}
        assert markers != {""}, f"{name} is installed everywhere, but not here"
        return
    if expression := told.get("License-Expression"):
        assert read_licences(PAGE)[name] == expression
        return
    said = {told.get("License") or "", *(each.rpartition(" :: ")[2] for each in told.get_all("Classifier", []))}
    ours = re.findall(r"[A-Za-z0-9.-]{3,}", read_licences(PAGE)[name].replace(" AND ", " ").replace(" OR ", " "))
    assert [licence for licence in ours if not said & {licence, *WRITTEN.get(licence, ())}] == []


def test_a_lock_file_with_a_line_that_means_nothing_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text("celery @ https://example.com/celery.whl\n")
    with pytest.raises(ValueError, match="celery @"):
        read_lock(tmp_path / "a.lock")
