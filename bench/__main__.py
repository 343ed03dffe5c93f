"""`make bench`: every row of the table, or those named by ROWS. Without a word about what was not received as recorded.

python -m bench [--rows "rate latency"] [--rounds 3] [--quick] [--verbose] [--seed N] [--write]
"""

import argparse
import random
import signal
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from bench.frame import Bench, Figure, build_table
from bench.machine import describe_machine
from bench.receiver import Mismatch
from bench.surroundings import surroundings

ROWS = (
    "rate",
    "tokens",
    "signatures",
    "tls",
    "statements",
    "latency",
    "dead",
    "claims",
    "fan_out",
    "slow",
    "memory",
    "pages",
    "downloads",
    "sqlite",
)
RESULTS = Path(__file__).parent / "RESULTS.md"
QUICK = 0.1


def main() -> int:
    arguments = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    machine = describe_machine()
    print(f"seed {arguments.seed}; rows: {' '.join(arguments.rows)}", flush=True)
    try:
        with surroundings() as around:
            scale, rounds = (QUICK, 1) if arguments.quick else (1.0, arguments.rounds)
            bench = Bench(around, rounds, scale, arguments.seed, verbose=arguments.verbose)
            figures = run_rows(arguments.rows, bench)
    except Mismatch as mismatch:
        print(f"No figures: {mismatch}", file=sys.stderr)
        return 1
    report = build_report(machine, figures, arguments)
    print(f"\n{report}")
    if arguments.write:
        RESULTS.write_text(report)
    return 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="", help=f"some of: {' '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, one round: to try the benchmarks")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    parser.add_argument("--verbose", action="store_true", help="figures of a row as soon as it is through")
    arguments = parser.parse_args()
    wanted = set(arguments.rows.split() or ROWS)
    if unknown := wanted - set(ROWS):
        parser.error(f"no such row: {' '.join(sorted(unknown))}")
    # In this order whatever was asked for: the pages turn the backlog that the claims need into a past.
    arguments.rows = [name for name in ROWS if name in wanted]
    return arguments


def run_rows(names: list[str], bench: Bench) -> list[Figure]:
    """Run the rows one after the other. Raises Mismatch, and then none of them is told."""
    figures: list[Figure] = []
    random.seed(bench.seed)
    for name in names:
        begun = time.monotonic()
        found = import_module(f"bench.rows.{name}").run(bench)
        figures += found
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
        if bench.verbose:
            print("\n".join("  " + " | ".join(figure.cells()) for figure in found), flush=True)
    return figures


def build_report(machine: list[str], figures: list[Figure], arguments: argparse.Namespace) -> str:
    about = [*machine, f"{datetime.now(UTC):%d %B %Y}, seed {arguments.seed}, {arguments.rounds} interleaved rounds"]
    if arguments.quick:
        about.append("a quick run: a tenth of the size, one round. Good for trying, not for quoting")
    lines = "\n".join(f"- {line}" for line in about)
    return f"# Results of `make bench`\n\n{lines}\n\n{build_table(figures)}\n"


if __name__ == "__main__":
    sys.exit(main())
