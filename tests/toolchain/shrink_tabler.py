"""Takes out of Tabler's style sheet what no page of ours uses: nineteen twentieths of it.

    npm pack @tabler/core@1.6.1 && tar xf tabler-core-1.6.1.tgz package/dist/css/tabler.min.css
    python -m tests.toolchain.shrink_tabler package/dist/css/tabler.min.css > static/vendor/tabler/tabler.min.css

A rule stays when every class in its selector is one of KEPT; rules on elements and the variables stay all. Nothing that
stays is changed. A new class of Tabler's in a template: add it here, run it again, and put the digest into VENDORED.md.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

KEPT = frozenset(
    {
        "btn",
        "btn-danger",
        "btn-primary",
        "btn-square",
        "card",
        "card-body",
        "card-footer",
        "card-header",
        "icon",
        "page",
        "page-body",
        "page-title",
        "prose",
        "required",
        "row",
        "strong",
        "table",
        "toolbar",
        "visually-hidden",
    }
)
# Rules that hold other rules; what other at-rules hold (fonts, frames of animations) stays or goes as a whole.
NESTING = ("@media", "@supports", "@layer", "@container")
IN_BRACKETS = re.compile(r"\[[^\]]*\]")
# What stands inside `:not()` takes away from what a rule is for, and needs no class of ours.
NEGATED = re.compile(r":not\((?:[^()]|\([^()]*\))*\)")
CLASS = re.compile(r"\.((?:[A-Za-z_-]|\\.)(?:[\w-]|\\.)*)")


def shrink(css: str) -> str:
    """Return the style sheet without what no page uses."""
    return _drop_unused_animations("".join(_kept(css)))


def _kept(css: str) -> Iterator[str]:
    for head, body in split_rules(css):
        if body is None:
            yield head
        elif head.startswith(NESTING):
            inner = "".join(_kept(body))
            if inner:
                yield f"{head}{{{inner}}}"
        elif head.startswith("@"):
            yield f"{head}{{{body}}}"
        elif selectors := [each for each in split_selectors(head) if is_kept(each)]:
            yield f"{','.join(selectors)}{{{body}}}"


def is_kept(selector: str) -> bool:
    """Whether all classes in a selector are ours."""
    found = CLASS.findall(NEGATED.sub("", IN_BRACKETS.sub("", selector)))
    return {name.replace("\\", "") for name in found} <= KEPT


def split_rules(css: str) -> Iterator[tuple[str, str | None]]:
    """Yield each rule as what stands before its braces and inside them; None inside for `@import` and comments."""
    place = 0
    while place < len(css):
        if css.startswith("/*", place):
            end = css.index("*/", place) + 2
            yield css[place:end], None
        else:
            brace = css.find("{", place)
            semicolon = css.find(";", place)
            if brace < 0 or 0 <= semicolon < brace:
                end = semicolon + 1 if semicolon >= 0 else len(css)
                yield css[place:end], None
            else:
                end = _end_of_block(css, brace)
                yield css[place:brace].strip(), css[brace + 1 : end - 1]
        place = end


def _end_of_block(css: str, brace: int) -> int:
    """Return the place behind the brace that closes the one at `brace`. Braces in texts count for nothing."""
    depth, quote, place = 0, "", brace
    while True:
        letter = css[place]
        if quote:
            place += letter == "\\"
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter == "{") - (letter == "}")
        place += 1
        if not depth:
            return place


def split_selectors(head: str) -> list[str]:
    """Split a list of selectors at its commas, but not at those inside of brackets."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(head):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append(head[start:place])
            start = place + 1
    return [*parts, head[start:]]


def _drop_unused_animations(css: str) -> str:
    rules = list(split_rules(css))
    used = "".join(body or "" for head, body in rules if "keyframes" not in head)
    kept = []
    for head, body in rules:
        if "keyframes " in head and not re.search(rf"\b{re.escape(head.split()[-1])}\b", used):
            continue
        kept.append(head if body is None else f"{head}{{{body}}}")
    return "".join(kept)


if __name__ == "__main__":
    sys.stdout.write(shrink(Path(sys.argv[1]).read_text()))
