"""Files in storage that no publication points to: left by an upload that was refused or cut off after its bytes."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.core.files.storage import default_storage

from catalog.models import Publication
from catalog.stored_files import FOLDER

# An upload's row follows its file within seconds; after an hour nobody is coming back for it.
GRACE = timedelta(hours=1)


def remove_orphan_files(now: datetime) -> int:
    """Remove every stored file older than GRACE that has no row, and return how many there were."""
    removed = 0
    for names in _folders():
        known = set(Publication.objects.filter(file__in=names).values_list("file", flat=True))
        for name in names:
            if name not in known and _older(name, now - GRACE):
                default_storage.delete(name)
                removed += 1
    return removed


def _folders() -> Iterator[list[str]]:
    if not default_storage.exists(FOLDER):
        return
    for folder in default_storage.listdir(FOLDER)[0]:
        names = [f"{FOLDER}/{folder}/{name}" for name in default_storage.listdir(f"{FOLDER}/{folder}")[1]]
        for first in range(0, len(names), 500):
            yield names[first : first + 500]


def _older(name: str, limit: datetime) -> bool:
    try:
        return default_storage.get_modified_time(name) < limit
    except FileNotFoundError:
        return False
