"""The name under which people get a file back: taken from the upload, made harmless."""

import re
import unicodedata

LONGEST = 160
_FALLBACK = "publication"
# Separators, what Windows refuses in a name, and what ends or continues a header's quoted text.
_UNWANTED = re.compile(r'[\\/:*?"<>|;%]+')


def clean_file_name(name: str) -> str:
    """Return the last part of `name` without control or formatting characters, at most 160 characters long.

    Formatting characters are dropped because a right-to-left mark can make `exe.csv` look like `vsc.exe`. The extension
    survives the cut. A name of which nothing is left becomes `publication`.
    """
    last_part = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(c for c in unicodedata.normalize("NFC", last_part) if unicodedata.category(c)[0] != "C")
    safe = " ".join(_UNWANTED.sub("_", printable).split()).strip(" .")
    stem, dot, extension = safe.rpartition(".")
    if not dot or len(extension) > 20:
        return safe[:LONGEST].rstrip(" .") or _FALLBACK
    return f"{stem[: LONGEST - len(extension) - 1]}.{extension}"
