"""What can go wrong with keys, sealed values and signed tokens. No message ever carries a key or a plain value."""


class VaultError(Exception):
    """Base of the vault's errors: `code` is stable, `message` is for operators and logs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class KeysMisconfigured(VaultError):
    """PORTAL_DATA_KEYS can't be used: empty, malformed, or with an id or a key given twice."""


class UnknownKey(VaultError):
    """A key id that PORTAL_DATA_KEYS does not hold (any longer)."""


class UnreadableSecret(VaultError):
    """A sealed value that does not open: its key is gone, it is damaged, or it belongs to another row or field."""


class BadToken(VaultError):
    """A signed token that is not ours, was changed, or was made for another purpose."""

    def __init__(self) -> None:
        # One message for every cause: the bearer of a forged token learns nothing from it.
        super().__init__("bad_token", "this token is not valid")
