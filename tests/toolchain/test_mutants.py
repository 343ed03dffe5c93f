"""The table of mutants fits the code: otherwise `make mutants` proves nothing without saying so."""

from tests.mutants.run import check_table
from tests.mutants.table import MUTANTS


def test_every_mutant_finds_its_words_and_its_tests() -> None:
    assert check_table() == []


def test_mutants_differ_and_change_something() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert all(mutant.old != mutant.new for mutant in MUTANTS)
