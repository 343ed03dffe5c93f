"""What kind of file this is, judged by its first bytes; the name only tells kinds of text apart."""

HEAD_BYTES = 1024
BINARY = "application/octet-stream"

_BEGINNINGS = (
    (b"%PDF-", "application/pdf"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"PAR1", "application/vnd.apache.parquet"),
)
_ZIP = b"PK\x03\x04"
_OFFICE = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
# No kind that a browser would run: HTML and SVG go out as plain text.
_TEXTS = {"csv": "text/csv", "json": "application/json", "xml": "application/xml"}


def detect_content_type(head: bytes, file_name: str) -> str:
    """Return the media type for a file that begins with `head` (up to HEAD_BYTES bytes of it)."""
    extension = file_name.rpartition(".")[2].lower()
    for beginning, content_type in _BEGINNINGS:
        if head.startswith(beginning):
            return content_type
    if head.startswith(_ZIP):
        return _OFFICE.get(extension, "application/zip")
    return _TEXTS.get(extension, "text/plain") if _is_text(head) else BINARY


def _is_text(head: bytes) -> bool:
    # Latin-1 texts are common in this trade, so any byte from 0x80 on is let pass; control bytes are not.
    return all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head)
