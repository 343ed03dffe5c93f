"""Files on their way into storage: streamed once, measured and hashed while they pass."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.content_types import HEAD_BYTES, detect_content_type
from catalog.errors import FileRefused
from catalog.file_names import clean_file_name

FOLDER = "publications"


@dataclass(frozen=True)
class ReceivedFile:
    """A file that is in storage and belongs to no publication yet."""

    stored_name: str
    file_name: str
    content_type: str
    size_bytes: int
    sha256: str


class MeasuredFile(File):
    """Passes the chunks of an upload on and keeps their number, hash and beginning. Stops one byte above `limit`."""

    def __init__(self, upload: File, *, limit: int) -> None:
        super().__init__(upload.file, name=upload.name)
        self._upload = upload
        self._limit = limit
        self._digest = hashlib.sha256()
        self.passed_bytes = 0
        self.head = b""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        for chunk in self._upload.chunks(chunk_size or self.DEFAULT_CHUNK_SIZE):
            self.passed_bytes += len(chunk)
            if self.passed_bytes > self._limit:
                raise FileRefused("file_too_large", _too_large(self._limit))
            self.head = (self.head + chunk[:HEAD_BYTES])[:HEAD_BYTES]
            self._digest.update(chunk)
            yield chunk

    def refuse_if_empty(self) -> None:
        if not self.passed_bytes:
            raise FileRefused("file_empty", _("The file is empty."))

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def store_measured(upload: File, *, limit: int) -> ReceivedFile:
    """Stream `upload` into storage under a random name and return what passed.

    Raises FileRefused for an empty file and for one of more than `limit` bytes, OSError when it can't be written. In
    each of these cases nothing stays behind.
    """
    measured = MeasuredFile(upload, limit=limit)
    # Two levels, or one folder would one day hold every file ever published.
    random_name = uuid4().hex
    stored_name = f"{FOLDER}/{random_name[:2]}/{random_name}"
    try:
        default_storage.save(stored_name, measured)
        measured.refuse_if_empty()
        _write_through(stored_name)
    except BaseException:
        default_storage.delete(stored_name)
        raise
    file_name = clean_file_name(upload.name or "")
    content_type = detect_content_type(measured.head, file_name)
    return ReceivedFile(stored_name, file_name, content_type, measured.passed_bytes, measured.sha256)


def _write_through(stored_name: str) -> None:
    # The row is committed durably a moment later. A power cut must not leave it pointing to bytes that were never
    # written. A storage without files of its own has no descriptor, and its own promise.
    with default_storage.open(stored_name, "rb") as stored:
        try:
            descriptor = stored.fileno()
        except (AttributeError, OSError):
            return
        os.fsync(descriptor)


def _too_large(limit: int) -> str:
    megabytes = limit // (1024 * 1024)
    if not megabytes:
        return ngettext(
            "The file is larger than %(limit)d byte.", "The file is larger than %(limit)d bytes.", limit
        ) % {"limit": limit}
    return _("The file is larger than %(limit)d MB.") % {"limit": megabytes}
