"""Several secrets of one row: one JSON object in one sealed column."""

import json
from collections.abc import Mapping

from vault.errors import UnreadableSecret


def open_json(text: str) -> dict[str, str]:
    """Return the names and values in an opened column. Raises UnreadableSecret when it holds anything else."""
    if not text:
        return {}
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise UnreadableSecret("damaged", "the secrets are no JSON object of texts")
    return values


def to_json(values: Mapping[str, str]) -> str:
    """Return the text to seal: empty when there is no secret at all."""
    given = {name: value for name, value in sorted(values.items()) if value}
    return json.dumps(given) if given else ""
