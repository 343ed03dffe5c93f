"""Rows for tests: plain functions that fill in what a test doesn't care about. `over` names any field of the model."""

from itertools import count
from typing import Any

_numbers = count(1)


def next_number() -> int:
    """A number not given before in this process, for names and codes that must differ."""
    return next(_numbers)


# --- access -----------------------------------------------------------------------------------------------------


def make_user(**over: Any) -> Any:
    from access.models import User

    number = next_number()
    password = over.pop("password", "a-good-long-password")
    user = User(**{"email": f"user{number}@example.test", "name": f"User {number}", "language": "en"} | over)
    user.set_password(password)
    user.save()
    return user


def make_participant(**over: Any) -> Any:
    from access.models import Participant

    number = next_number()
    return Participant.objects.create(**{"name": f"Participant {number}", "cnpj": make_cnpj(number)} | over)


def make_member(user: Any, participant: Any, role: str = "technical") -> Any:
    from access.models import Membership

    return Membership.objects.create(user=user, participant=participant, role=role)


def make_cnpj(number: int) -> str:
    """A valid numeric CNPJ (two check digits by modulo 11) made from a running number."""
    digits = [int(digit) for digit in f"{number:08d}0001"]
    for _ in range(2):
        weights = [2 + place % 8 for place in range(len(digits))]
        rest = sum(digit * weight for digit, weight in zip(reversed(digits), weights, strict=True)) % 11
        digits.append(0 if rest < 2 else 11 - rest)
    return "".join(str(digit) for digit in digits)
