"""The word for "unchanged" where a form has a secret: nobody can read a secret back in order to send it again."""

from enum import Enum


class Kept(Enum):
    """In place of a secret: whatever is stored stays."""

    KEPT = "kept"


KEPT = Kept.KEPT
