"""`make soak`: minutes of random faults in each running mode, and then the oracle's comparison.

    python -m tests.soak [--minutes 5] [--seed N] [--modes "sqlite postgres celery"]

The seed is printed: it decides which faults come when (not how threads and processes meet). Exit code 1: something was
found, or a mode did not end within its time.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.processes import ROOT

MODES = {
    "sqlite": "SQLite, one dispatcher",
    "postgres": "PostgreSQL, two dispatchers",
    "celery": "PostgreSQL, Redis, two Celery workers and two beats",
}
# Beside the minutes of faults: starting, the last leases running out, counting.
BESIDE_SECONDS = 360


def main() -> int:
    arguments = read_arguments()
    print(f"seed {arguments.seed}; {arguments.minutes:g} minutes in each of: {' '.join(arguments.modes)}", flush=True)
    reports = {mode: soak(mode, arguments.minutes * 60, arguments.seed) for mode in arguments.modes}
    print(f"\n{build_table(reports)}\n\nseed {arguments.seed}")
    found = {mode: report["found"] for mode, report in reports.items() if report["found"]}
    for mode, problems in found.items():
        print(f"\nfound with {MODES[mode]}:", *problems, sep="\n  ")
    return 1 if found else 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--modes", default=" ".join(MODES))
    arguments = parser.parse_args()
    arguments.modes = arguments.modes.split()
    if unknown := set(arguments.modes) - set(MODES):
        parser.error(f"no such mode: {' '.join(sorted(unknown))}")
    return arguments


def soak(mode: str, seconds: float, seed: int) -> dict[str, Any]:
    """One mode in a process of its own: its settings are those of its database."""
    print(f"\n##### {MODES[mode]}", flush=True)
    report = Path(tempfile.mkdtemp(prefix="gancho-soak-")) / "report.json"
    words = [sys.executable, "-m", "tests.soak.run", mode, str(seconds), str(seed), str(report)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL) as process:
        try:
            process.wait(seconds + BESIDE_SECONDS)
        except subprocess.TimeoutExpired:
            # It stops its servers and senders itself when it is asked to.
            process.terminate()
            process.wait(60)
    if report.exists():
        return dict(json.loads(report.read_text()))
    return {"figures": {}, "found": [f"no report: it ended with code {process.returncode}"]}


def build_table(reports: dict[str, dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for report in reports.values() for name in report["figures"]))
    lines = [["", *reports], ["---"] * (len(reports) + 1)]
    lines += [[name, *(str(report["figures"].get(name, "-")) for report in reports.values())] for name in names]
    widths = [max(len(line[column]) for line in lines) for column in range(len(reports) + 1)]
    return "\n".join(" | ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
