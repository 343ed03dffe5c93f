"""One stored file as an HTTP answer: attachment, conditional, whole or in ranges, never whole in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote
from uuid import uuid4

import structlog
from django.conf import settings
from django.core.files import File
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, http_date, parse_etags

from catalog.models import Publication
from catalog.ranges import ByteRange, Unsatisfiable, parse_ranges

log = structlog.get_logger(__name__)

CHUNK_BYTES = 64 * 1024
# What an answer consists of: bytes of ours, or a range of the file.
Part = bytes | ByteRange


@dataclass(frozen=True)
class FileAnswer:
    """The response, and whether the file's first byte goes out in it: that is what counts as a download."""

    response: HttpResponseBase
    first_byte: bool = False


def plain_not_found() -> HttpResponse:
    """Return the 404 of every link that opens nothing, the same for each reason."""
    response = HttpResponse("Not found\n", status=404, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response


def answer_file(request: HttpRequest, publication: Publication) -> FileAnswer:
    """Answer GET or HEAD for the publication's file. The caller has checked that it may be read."""
    if settings.PORTAL_DOWNLOAD_X_ACCEL_PREFIX:
        return _hand_to_proxy(request, publication)
    try:
        file = publication.file.open("rb")
    except FileNotFoundError:
        log.exception("file missing in storage", publication=str(publication.uuid))
        return FileAnswer(plain_not_found())
    answer = _answer_opened(request, publication, file)
    if not answer.response.streaming:
        file.close()
    return answer


def _answer_opened(request: HttpRequest, publication: Publication, file: File) -> FileAnswer:
    headers = _headers(publication)
    size = publication.size_bytes
    if _unchanged(request, publication):
        return FileAnswer(HttpResponse(status=304, headers=headers))
    if request.method == "HEAD":
        return FileAnswer(HttpResponse(headers=headers | {"Content-Length": str(size)}))
    try:
        ranges = parse_ranges(_range_header(request, publication), size)
    except Unsatisfiable:
        return FileAnswer(HttpResponse(status=416, headers=headers | {"Content-Range": f"bytes */{size}"}))
    if ranges is None:
        return _stream(file, [ByteRange(0, size - 1)], headers, status=200)
    if len(ranges) == 1:
        content_range = f"bytes {ranges[0].first}-{ranges[0].last}/{size}"
        return _stream(file, [*ranges], headers | {"Content-Range": content_range})
    boundary = uuid4().hex
    content_type = f"multipart/byteranges; boundary={boundary}"
    return _stream(file, _multipart(publication, ranges, boundary), headers | {"Content-Type": content_type})


def _stream(file: File, parts: list[Part], headers: dict[str, str], *, status: int = 206) -> FileAnswer:
    length = sum(len(part) if isinstance(part, bytes) else part.size for part in parts)
    headers = headers | {"Content-Length": str(length)}
    response = StreamingHttpResponse(FileParts(file, parts), status=status, headers=headers)
    return FileAnswer(response, any(isinstance(part, ByteRange) and part.first == 0 for part in parts))


def _multipart(publication: Publication, ranges: list[ByteRange], boundary: str) -> list[Part]:
    parts: list[Part] = []
    for one in ranges:
        head = (
            f"\r\n--{boundary}\r\nContent-Type: {publication.content_type}\r\n"
            f"Content-Range: bytes {one.first}-{one.last}/{publication.size_bytes}\r\n\r\n"
        )
        parts += [head.encode(), one]
    return [*parts, f"\r\n--{boundary}--\r\n".encode()]


class FileParts:
    """Pieces of an open file, and bytes between them, read in chunks; closes the file when the response is closed."""

    def __init__(self, file: File, parts: list[Part]) -> None:
        self._file = file
        self._chunks = self._read(parts)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        self._file.close()

    def _read(self, parts: list[Part]) -> Iterator[bytes]:
        for part in parts:
            if isinstance(part, bytes):
                yield part
                continue
            self._file.seek(part.first)
            left = part.size
            while left and (chunk := self._file.read(min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk


def _hand_to_proxy(request: HttpRequest, publication: Publication) -> FileAnswer:
    # The proxy reads the file and works out ranges and conditions with marks of its own, so we promise none of ours.
    target = f"{settings.PORTAL_DOWNLOAD_X_ACCEL_PREFIX.rstrip('/')}/{quote(str(publication.file.name))}"
    headers = _headers(publication) | {"X-Accel-Redirect": target}
    del headers["ETag"], headers["Last-Modified"], headers["Accept-Ranges"]
    response = HttpResponse(headers=headers)
    return FileAnswer(response, request.method == "GET" and _asks_for_first_byte(request, publication.size_bytes))


def _asks_for_first_byte(request: HttpRequest, size: int) -> bool:
    try:
        ranges = parse_ranges(request.headers.get("Range", ""), size)
    except Unsatisfiable:
        return False
    return ranges is None or any(one.first == 0 for one in ranges)


def _range_header(request: HttpRequest, publication: Publication) -> str:
    """Return the Range header, or nothing when If-Range says that the reader holds parts of something else."""
    condition = request.headers.get("If-Range", "").strip()
    if condition and condition not in (_etag(publication), _last_modified(publication)):
        return ""
    return request.headers.get("Range", "")


def _unchanged(request: HttpRequest, publication: Publication) -> bool:
    known = [etag.removeprefix("W/") for etag in parse_etags(request.headers.get("If-None-Match", ""))]
    return _etag(publication) in known or "*" in known


def _headers(publication: Publication) -> dict[str, str]:
    return {
        "Content-Type": publication.content_type,
        "Content-Disposition": content_disposition_header(True, publication.file_name) or "attachment",
        "ETag": _etag(publication),
        "Last-Modified": _last_modified(publication),
        "Accept-Ranges": "bytes",
        # A withdrawn file must stop at once, so no cache may answer without asking us.
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _etag(publication: Publication) -> str:
    return f'"{publication.sha256}"'


def _last_modified(publication: Publication) -> str:
    return http_date(publication.created_at.timestamp())
