"""docs/faults.md is true: each test that it names exists, runs in the running modes that it says, and no fault is left
out."""

import ast
import re

from tests.structure.source import ROOT

PAGE = ROOT / "docs" / "faults.md"
ROWS = re.findall(r"^\| (\d+) \|.*\| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
NAMED = re.compile(r"\[`(test_\w+)`\]\(\.\./([\w/]+\.py)\)")
WITH_A_BROKER = "tests/dispatch/test_drains.py"


def test_every_fault_has_a_row() -> None:
    assert {int(number) for number, _modes, _by in ROWS} == set(range(1, 18))


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(PAGE.read_text())
    assert len(named) >= len(ROWS)
    assert [name for name, file in named if name not in _functions(file)] == []


def test_what_runs_in_each_mode_is_started_in_each_mode() -> None:
    """`in_each_mode` gives a test the senders of each; one that is not for SQLite says so by skipping there."""
    wrong = []
    for _number, modes, by in ROWS:
        for name, file in NAMED.findall(by):
            decorators = {ast.unparse(each) for each in _functions(file)[name].decorator_list}
            everywhere = "in_each_mode" in decorators
            if everywhere != (modes in ("S P C", "P C")) or (modes == "C" and file != WITH_A_BROKER):
                wrong.append(f"{name} is said to run in: {modes}")
            if everywhere and (modes == "P C") != ("skip(" in ast.unparse(_functions(file)[name])):
                wrong.append(f"{name} on SQLite?")
    assert wrong == []


def _functions(file: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
