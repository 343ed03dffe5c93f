"""What a mutant is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One named fault. `tests` are the pytest ids of which at least one must turn red; `postgres`: there."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    postgres: bool = False
