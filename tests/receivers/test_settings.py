"""ONS-21: a sample receiver that was told nothing believes nobody: it does not start."""

from pathlib import Path

import pytest

from tests.receivers.samples import SAMPLES, running

pytestmark = [pytest.mark.process, pytest.mark.timeout(60)]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("settings", [{}, {"WEBHOOK_SECRET": "whsec_"}], ids=["nothing agreed", "an empty secret"])
def test_without_something_agreed_none_of_them_starts(name: str, settings: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="WEBHOOK_SECRET"), running(name, tmp_path, **settings):
        pass
