"""A sample written for one webhook: the source of its language without the checks that the webhook does not need.

In a source, lines `#: if name name`, `#: unless name name` and `#: end` (with the language's own sign of a comment)
stand around what belongs to some sections only, and @@NAME@@ where the recipe has a name.
"""

import json
import re
from collections.abc import Iterator

from webhooks.samples.languages import Language
from webhooks.samples.recipe import Recipe

_NAME = re.compile(r"@@([A-Z_]+)@@")


def write_sample(language: Language, recipe: Recipe) -> str:
    """Return the text of a receiver. Raises KeyError when the source asks for a name that the recipe lacks."""
    text = "".join(_kept_lines(language, recipe.sections))
    # The names are those of headers: RFC 9110 tokens, which JSON writes as each of the languages does.
    return _NAME.sub(lambda found: json.dumps(recipe.names[found[1]]), text)


def _kept_lines(language: Language, sections: frozenset[str]) -> Iterator[str]:
    marker = re.compile(rf"{re.escape(language.comment)}: (if|unless|end)\b(.*)\n")
    keep = True
    for line in language.source.splitlines(keepends=True):
        found = marker.fullmatch(line)
        if found is None:
            if keep:
                yield line
        elif found[1] == "end":
            keep = True
        else:
            keep = bool(sections.intersection(found[2].split())) == (found[1] == "if")
