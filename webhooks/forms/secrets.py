"""Inputs for secrets: those of connections, under the name that this app's forms know."""

from connections.forms.secrets import SecretInput, given_or_kept

__all__ = ["SecretInput", "given_or_kept"]
