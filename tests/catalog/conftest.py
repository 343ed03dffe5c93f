from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def stored_files(tmp_path: Path, settings: Any) -> Path:
    """The folder of stored files, a fresh one for every test of the catalogue."""
    settings.MEDIA_ROOT = tmp_path / "files"
    return settings.MEDIA_ROOT
