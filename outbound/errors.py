"""Refusals of the guarded door. Each has a stable code for programs and a translated message for people."""


class OutboundError(Exception):
    """Base of the refusals. `message` is translated when it is shown, so it may be kept and shown later."""

    def __init__(self, code: str, message: object) -> None:
        super().__init__(code)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


class Refused(OutboundError):
    """An address that we do not call. Every refused target has the code `refused_address` and the same message."""


class HeaderRefused(OutboundError):
    """A header that we do not send. `name` is the name as given, cut and printable."""

    def __init__(self, code: str, message: object, name: str = "") -> None:
        super().__init__(code, message)
        self.name = name


class TlsRefused(OutboundError):
    """TLS material (a private authority, a client certificate) that cannot be used."""
