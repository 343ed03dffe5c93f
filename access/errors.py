"""What an action refuses, said once for programs (code) and once for people (message)."""


class ActionError(Exception):
    """An action that was refused. `code` is stable; `message` is translated and safe to show beside a form."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return str(self.message)
