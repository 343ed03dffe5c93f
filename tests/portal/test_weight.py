"""What a browser has to fetch, compressed as WhiteNoise compresses it."""

import gzip
import re
from pathlib import Path

from django.conf import settings
from django.template.loader import render_to_string

STATIC = settings.BASE_DIR / "static"
# The files of the frame are fetched once: their names carry a digest, so browsers keep them for a year.
FRAME = re.findall(r'/static/([^"]+)', render_to_string("500.html"))


def weigh(path: Path) -> int:
    content = path.read_bytes()
    return len(content) if path.suffix == ".woff2" else len(gzip.compress(content, 9))


def test_no_page_adds_150_kilobytes_to_the_frame() -> None:
    own = [*STATIC.glob("css/*.css"), *STATIC.glob("js/*.js")]
    of_pages = [path for path in own if str(path.relative_to(STATIC)) not in FRAME]

    # All of them together are less than one page may weigh, so no page needs its own sum.
    assert sum(map(weigh, of_pages)) < 60_000


def test_first_page_stays_under_150_kilobytes() -> None:
    fetched = {STATIC / name for name in FRAME} | set(STATIC.glob("vendor/fonts/*.woff2"))

    assert sum(map(weigh, fetched)) < 150_000
