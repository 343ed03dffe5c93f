"""`make sbom`: everything that runs in production, the same bytes each time, and no word of where it was fetched."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from deploy.sbom.bill import MARKER, write_bill
from deploy.sbom.lock import OURS, read_lock, read_vendored
from tests.processes import ROOT

READ = ("requirements.lock", "pyproject.toml", "docs/dependencies.md", "static/vendor/VENDORED.md")


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    return json.loads(write_bill(ROOT))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that a bill is read from, elsewhere."""
    for name in READ:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_everything_that_is_installed_stands_in_it_with_version_and_digests(bill: dict[str, Any]) -> None:
    told = {each["purl"]: each for each in bill["components"]}
    packages = read_lock(ROOT / "requirements.lock")
    assert len(packages) > 40
    for package in packages:
        component = told[f"pkg:pypi/{package.name}@{package.version}"]
        [files] = component["externalReferences"]
        assert sorted(each["content"] for each in files["hashes"]) == sorted(package.digests) != []
        assert component["scope"] == ("optional" if package.marker else "required")
        properties = {each["name"]: each["value"] for each in component.get("properties", [])}
        assert properties == ({MARKER: package.marker} if package.marker else {})
    front = {each.name for each in read_vendored(ROOT / "static" / "vendor" / "VENDORED.md")}
    assert "htmx.org" in front
    assert front == {
        f"{each.get('group', '')}/{each['name']}".lstrip("/") for each in told.values() if "npm" in each["purl"]
    }
    assert len(told) == len(packages) + len(front)


def test_each_has_a_licence_that_is_an_spdx_expression(bill: dict[str, Any]) -> None:
    # What is no expression would be written as a name.
    licences = [licence for each in bill["components"] for licence in each["licenses"]]
    assert [each for each in licences if "expression" not in each and "id" not in each["license"]] == []


def test_who_wants_what_leads_from_the_product_to_everything(bill: dict[str, Any]) -> None:
    wants = {each["ref"]: set(each.get("dependsOn", ())) for each in bill["dependencies"]}
    product = bill["metadata"]["component"]["bom-ref"]
    direct = [each for each in read_lock(ROOT / "requirements.lock") if OURS in each.via]
    assert {f"pkg:pypi/{each.name}@{each.version}" for each in direct} <= wants[product]
    reached, ahead = set[str](), {product}
    while ahead:
        reached |= ahead
        ahead = {ref for each in ahead for ref in wants[each]} - reached
    assert reached == set(wants) == {product, *(each["bom-ref"] for each in bill["components"])}


def test_it_is_the_same_wherever_it_is_made(copy: Path) -> None:
    assert write_bill(copy) == write_bill(ROOT)


def test_another_lock_makes_another_bill(copy: Path) -> None:
    lock = copy / "requirements.lock"
    lock.write_text(lock.read_text().replace("\nsix==", "\nsix==9."))
    changed, now = json.loads(write_bill(copy)), json.loads(write_bill(ROOT))
    assert changed["serialNumber"] != now["serialNumber"]
    assert any(each["purl"].startswith("pkg:pypi/six@9.") for each in changed["components"])


def test_package_without_a_known_licence_stops_it(copy: Path) -> None:
    page = copy / "docs" / "dependencies.md"
    page.write_text(page.read_text().replace("| six |", "| seven |"))
    with pytest.raises(KeyError, match="six"):
        write_bill(copy)


def test_it_names_no_registry_and_no_time() -> None:
    bill = write_bill(ROOT)
    assert bill.count("://") == 1
    assert "http://cyclonedx.org/schema/bom-1.6.schema.json" in bill
    assert "timestamp" not in bill
