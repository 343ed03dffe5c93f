"""Translation catalogues without gettext's programs: what the code says, what the .po files know, and their .mo form.

Formats: GNU gettext manual, "The Format of PO Files" and "The Format of GNU MO Files".
"""

import ast
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation.template import templatize

# Which argument is the message, its plural, its context, for every name under which Django offers gettext.
CALLS: dict[str, tuple[int, int | None, int | None]] = {
    "gettext": (0, None, None),
    "ngettext": (0, 1, None),
    "pgettext": (1, None, 0),
    "npgettext": (1, 2, 0),
}
CALLS |= {f"{name}_lazy": places for name, places in CALLS.items()}
CALLS |= {"_": CALLS["gettext"], "gettext_noop": CALLS["gettext"]}
_STRING = r"""u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
_TEMPLATE_CALL = re.compile(rf"\b({'|'.join(map(re.escape, CALLS))})\(\s*({_STRING}(?:\s*,\s*{_STRING})*)", re.DOTALL)
_QUOTED = re.compile(r'^(msgctxt|msgid_plural|msgid|msgstr(?:\[(\d+)\])?)?\s*"(.*)"$')


@dataclass(frozen=True, order=True)
class Key:
    """What identifies a message: the English text and, where one word has two meanings, its context."""

    text: str
    context: str = ""


@dataclass
class Message:
    """One entry: the plural's English text, translations by plural form, where it stands, comments and flags."""

    plural: str = ""
    translations: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    fuzzy: bool = False

    @property
    def complete(self) -> bool:
        return bool(self.translations) and all(self.translations) and not self.fuzzy


Catalogue = dict[Key, Message]


# --- what the code says -----------------------------------------------------------------------------------------


def extract(root: Path, folders: Iterable[str]) -> Catalogue:
    """Collect every marked text of Python files and templates under `folders` of `root`."""
    found: Catalogue = {}
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            place = path.relative_to(root).as_posix()
            if path.suffix == ".py":
                calls = _calls_of_python(path.read_text())
            elif path.suffix in (".html", ".txt"):
                calls = _calls_of_template(path.read_text())
            else:
                continue
            for name, words in calls:
                _add(found, name, words, place)
    return found


def _add(found: Catalogue, name: str, words: list[str], place: str) -> None:
    text, plural, context = CALLS[name]
    key = Key(words[text], "" if context is None else words[context])
    message = found.setdefault(key, Message())
    message.plural = message.plural or ("" if plural is None else words[plural])
    if place not in message.places:
        message.places.append(place)


def _calls_of_python(source: str) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        words = [part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if name in CALLS and len(words) > max(place for place in CALLS[name] if place is not None):
            yield name, words


def _calls_of_template(source: str) -> Iterator[tuple[str, list[str]]]:
    # Django turns a template into something like Python, in which only the marked texts are left standing.
    for call in _TEMPLATE_CALL.finditer(templatize(source)):
        words = [ast.literal_eval(word) for word in re.findall(_STRING, call[2], re.DOTALL)]
        yield call[1], words


# --- .po --------------------------------------------------------------------------------------------------------


def read_po(text: str) -> Catalogue:
    """Read a .po file. The header is the message with the empty key."""
    catalogue: Catalogue = {}
    for block in re.split(r"\n\s*\n", text):
        message = Message()
        parts: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith("#"):
                _read_comment(message, line)
            elif match := _QUOTED.match(line):
                name = match[1] or name
                # JSON's escapes and gettext's are Python's too.
                parts[name] = parts.get(name, "") + ast.literal_eval(f'"{match[3]}"')
        if "msgid" in parts:
            message.plural = parts.get("msgid_plural", "")
            message.translations = [value for name, value in sorted(parts.items()) if name.startswith("msgstr")]
            catalogue[Key(parts["msgid"], parts.get("msgctxt", ""))] = message
    return catalogue


def _read_comment(message: Message, line: str) -> None:
    if line.startswith("#,"):
        message.fuzzy = "fuzzy" in line
    elif line.startswith("#:"):
        message.places += line[2:].split()
    elif not line.startswith("#~"):
        message.comments.append(line)


def write_po(catalogue: Catalogue) -> str:
    """Write a .po file, sorted by text: whoever adds a word touches one place of the file."""
    keys = sorted(catalogue, key=lambda key: (key.text.lower(), key))
    return "\n\n".join(_po_block(key, catalogue[key]) for key in keys) + "\n"


def _po_block(key: Key, message: Message) -> str:
    lines = [*message.comments, *(f"#: {place}" for place in message.places)]
    if "%(" in key.text or "%(" in message.plural:
        lines.append("#, fuzzy, python-format" if message.fuzzy else "#, python-format")
    elif message.fuzzy:
        lines.append("#, fuzzy")
    lines += [f"msgctxt {_quote(key.context)}"] if key.context else []
    lines.append(f"msgid {_quote(key.text)}")
    if not message.plural:
        return "\n".join([*lines, f"msgstr {_quote((message.translations or [''])[0])}"])
    lines.append(f"msgid_plural {_quote(message.plural)}")
    forms = message.translations or ["", ""]
    return "\n".join([*lines, *(f"msgstr[{number}] {_quote(form)}" for number, form in enumerate(forms))])


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    lines = escaped.split("\n")
    if len(lines) == 1:
        return f'"{escaped}"'
    pieces = [f'"{line}\\n"' for line in lines[:-1]] + ([f'"{lines[-1]}"'] if lines[-1] else [])
    return "\n".join(['""', *pieces])


def merge(known: Catalogue, found: Catalogue, *, source_language: bool) -> Catalogue:
    """Return `found` with the translations that `known` has; in the source language a text translates itself.

    A text that left the code leaves the catalogue; a new one is empty, and a test says so.
    """
    merged = {Key(""): known[Key("")]}
    for key, message in found.items():
        before = known.get(key, Message())
        own = [key.text, message.plural] if message.plural else [key.text]
        translations = own if source_language else before.translations
        merged[key] = Message(message.plural, translations, message.places, before.comments, before.fuzzy)
    return merged


# --- .mo --------------------------------------------------------------------------------------------------------


def build_mo(catalogue: Catalogue) -> bytes:
    """Return the .mo form of the complete messages: little-endian, sorted by key, without a hash table."""
    pairs = sorted(
        (_mo_key(key, message), _mo_value(message)) for key, message in catalogue.items() if message.complete
    )
    offset = 28 + 16 * len(pairs)
    tables: list[bytes] = []
    for column in (0, 1):
        table = b""
        for pair in pairs:
            table += struct.pack("<II", len(pair[column]), offset)
            offset += len(pair[column]) + 1
        tables.append(table)
    header = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    texts = b"".join(pair[column] + b"\0" for column in (0, 1) for pair in pairs)
    return header + b"".join(tables) + texts


def _mo_key(key: Key, message: Message) -> bytes:
    text = f"{key.context}\4{key.text}" if key.context else key.text
    return (f"{text}\0{message.plural}" if message.plural else text).encode()


def _mo_value(message: Message) -> bytes:
    return "\0".join(message.translations).encode()
