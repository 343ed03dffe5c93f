"""What all rows share: figures with what they must and should be, and the table that is made of them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.designs import Design, Run
from bench.surroundings import Surroundings


@dataclass(frozen=True)
class Goal:
    """What a figure must be and what is aimed at: at least these, or with `most` at most these."""

    must: float | None = None
    aim: float | None = None
    most: bool = False

    def meets(self, value: float, bound: float | None) -> bool | None:
        """Return whether the value is as good as the bound; None when there is none."""
        if bound is None:
            return None
        return value <= bound if self.most else value >= bound


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    value: float
    unit: str = ""
    goal: Goal = field(default_factory=Goal)
    note: str = ""

    @property
    def met(self) -> str:
        """What came of it, in a word or two."""
        must, aim = self.goal.meets(self.value, self.goal.must), self.goal.meets(self.value, self.goal.aim)
        if must is None and aim is None:
            return ""
        if must is False:
            return "**missed**"
        return "aim" if aim else "must"

    def cells(self) -> list[str]:
        sign = "≤" if self.goal.most else "≥"
        bounds = [f"{sign} {number(bound)}" if bound is not None else "" for bound in (self.goal.must, self.goal.aim)]
        return [self.what, f"{number(self.value)} {self.unit}".strip(), *bounds, self.met, self.note]


@dataclass
class Bench:
    """One run of the benchmarks: the servers, how often and how much, and what a row leaves for later ones."""

    around: Surroundings
    rounds: int
    scale: float
    seed: int
    found: dict[str, Any] = field(default_factory=dict)
    verbose: bool = False

    def share(self, full: int, least: int = 1) -> int:
        """Return a size, made smaller for a quick run."""
        return max(least, round(full * self.scale))

    def interleave(self, designs: Sequence[Design]) -> dict[str, list[Run]]:
        """Run each design in turn, as many rounds as wanted."""
        runs: dict[str, list[Run]] = {design.name: [] for design in designs}
        for _ in range(self.rounds):
            for design in designs:
                runs[design.name].append(design.run())
        return runs


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def median(values: Sequence[float]) -> float:
    """The middle one: what one disturbed round can't move."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values don't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1))]


def spread(values: Sequence[float]) -> str:
    """The rounds one by one, for the note."""
    return " / ".join(number(value) for value in values)


def build_table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table."""
    head = ["what", "measured", "must", "aim", "met", "how"]
    lines = [head, ["---"] * len(head), *(figure.cells() for figure in figures)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
