"""Uploads that hold a private key: they stay in memory and are small. Django writes what is large to a file on disk."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from connections.pem import MAX_BYTES

View = Callable[..., HttpResponse]


class SmallFileHandler(MemoryFileUploadHandler):
    """Keeps no more of a file than is needed to see that it is too large."""

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True
        self._kept = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        self._kept = 0
        super().new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        part = raw_data[: max(0, MAX_BYTES + 1 - self._kept)]
        self._kept += len(part)
        self.file.write(part)


def small_uploads(view: View) -> View:
    """Read the uploads of `view` into memory. The outermost decorator of it."""
    protected = csrf_protect(view)

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Before anything has read the form; the check against forged requests does, so it comes after this.
        request.upload_handlers = [SmallFileHandler(request)]
        return protected(request, *args, **kwargs)

    return csrf_exempt(guarded)
