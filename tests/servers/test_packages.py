"""The lock files of npm: whole, by hash, and without the address of any registry."""

import json
from pathlib import Path

import pytest

from tests.servers.packages import HERE

LOCKS = sorted(HERE.glob("*/package-lock.json"))


def test_there_is_one_for_each_folder_with_packages() -> None:
    assert [path.parent.name for path in LOCKS] == ["node", "oidc"]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.parent.name)
def test_every_package_is_locked_by_its_hash_and_by_no_address(path: Path) -> None:
    packages = json.loads(path.read_text())["packages"]
    own = packages.pop("")
    wanted = {**own.get("dependencies", {}), **own.get("optionalDependencies", {})}
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not [name for name, package in packages.items() if "resolved" in package]
