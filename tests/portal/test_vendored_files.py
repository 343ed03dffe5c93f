"""Files taken from elsewhere are the ones that VENDORED.md names, byte for byte, and lead to no registry."""

import hashlib
import re

import pytest
from django.conf import settings

VENDOR = settings.BASE_DIR / "static" / "vendor"
LIST = VENDOR / "VENDORED.md"


def read_digests() -> dict[str, str]:
    return {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  (\S+)$", LIST.read_text(), re.MULTILINE)}


def test_every_vendored_file_has_the_digest_of_the_list() -> None:
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path != LIST
    }

    assert found == read_digests()


@pytest.mark.parametrize("word", [b"sourceMappingURL", b"registry.", b"npmjs", b"unpkg", b"jsdelivr"])
def test_static_files_name_no_registry_and_no_source_map(word: bytes) -> None:
    files = [path for path in (settings.BASE_DIR / "static").rglob("*") if path.is_file() and path != LIST]

    assert [path.name for path in files if word in path.read_bytes()] == []
