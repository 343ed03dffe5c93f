"""What an action refuses, said once for programs (code) and once for people (message)."""

from django.utils.translation import gettext as _


class ActionError(Exception):
    """An action that was refused. `code` is stable; `message` is translated and safe to show beside a form."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


class ProofMissing(ActionError):
    """Credentials would change, and who acts has not lately proved who they are (access.reauthentication)."""

    def __init__(self) -> None:
        super().__init__("proof_missing", _("Confirm that it is you: this concerns credentials."))
