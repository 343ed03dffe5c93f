"""Inputs for secrets: what was typed or stored is never sent back to the browser."""

from typing import Any

from django import forms

from outbound.masking import is_mask
from vault.kept import KEPT, Kept

_QUIET = {"autocomplete": "new-password", "spellcheck": "false"}


class SecretInput(forms.PasswordInput):
    """Always rendered empty. Browsers don't offer to save it as somebody's password."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(_QUIET | (attrs or {}), render_value=False)


class SecretTextarea(forms.Textarea):
    """The same for a secret of several lines."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"rows": 4, "spellcheck": "false", "autocomplete": "off"} | (attrs or {}))

    def format_value(self, value: Any) -> None:
        return None


def given_or_kept(text: str) -> str | Kept:
    """Return what a posted secret means: nothing, or a mask sent back untouched, keeps what is stored."""
    return KEPT if not text or is_mask(text) else text
