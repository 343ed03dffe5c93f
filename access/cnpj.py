"""CNPJ, the number of a Brazilian legal entity: 12 characters [0-9A-Z] and two check digits.

Since July 2026 the first 12 positions may hold capital letters; numbers given before stay valid. A character counts as
its ASCII code less 48, so digits keep their value and the old rule is a case of the new one. Sources: Instrução
Normativa RFB 2.229 of 15 October 2024; Nota Técnica COCAD/SUARA/RFB 49/2024.
"""

import re

from django.utils.translation import gettext as _

LENGTH = 14
_BASE_LENGTH = 12
# Blanks and dashes of every kind: values are copied from documents, which set a longer dash.
_PUNCTUATION = re.compile(r"[\s./\-\u2010-\u2015]+")
_SHAPE = re.compile(r"[0-9A-Z]{12}[0-9]{2}")


class CnpjRefused(ValueError):
    """Not a CNPJ. `code` is cnpj_length, cnpj_characters or cnpj_check_digits; `message` is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def normalise(text: str) -> str:
    """Return `text` in capitals without blanks, dots, slashes and hyphens. Judges nothing."""
    bare = _PUNCTUATION.sub("", text)
    # Outside ASCII a capital may be another letter, or two ("ß" becomes "SS"): such text stays as it is and is refused.
    return bare.upper() if bare.isascii() else bare


def validate(text: str) -> str:
    """Return the 14 characters of the CNPJ in `text`, punctuated or not. Raises CnpjRefused."""
    value = normalise(text)
    if len(value) != LENGTH:
        raise CnpjRefused("cnpj_length", _("A CNPJ has 14 characters, such as 12.ABC.345/01DE-35."))
    if not _SHAPE.fullmatch(value):
        raise CnpjRefused(
            "cnpj_characters", _("A CNPJ has letters and digits in its first 12 positions and two digits at the end.")
        )
    if value[_BASE_LENGTH:] != compute_check_digits(value[:_BASE_LENGTH]) or value == "0" * LENGTH:
        raise CnpjRefused("cnpj_check_digits", _("The check digits of this CNPJ do not match. Check what was typed."))
    return value


def format_cnpj(value: str) -> str:
    """Return 14 normalised characters as 12.ABC.345/01DE-35; any other text as it is."""
    if len(value) != LENGTH:
        return value
    return f"{value[:2]}.{value[2:5]}.{value[5:8]}/{value[8:12]}-{value[12:]}"


def compute_check_digits(base: str) -> str:
    """Return the two check digits of 12 characters [0-9A-Z]."""
    first = _check_digit(base)
    return first + _check_digit(base + first)


def _check_digit(characters: str) -> str:
    # Weights 2 to 9, from the right, starting again after 9.
    total = sum((ord(char) - 48) * (2 + index % 8) for index, char in enumerate(reversed(characters)))
    remainder = total % 11
    return "0" if remainder < 2 else str(11 - remainder)
