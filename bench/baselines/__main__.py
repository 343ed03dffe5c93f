"""Measure the baselines alone: `python -m bench.baselines [--rounds 3] [--scale 1.0] [naive tuned packaged bare]`."""

import argparse
import statistics

from bench.designs import Bare, Naive, Packaged, Run, Tuned
from bench.surroundings import surroundings

DESIGNS = {"naive": Naive, "tuned": Tuned, "packaged": Packaged, "bare": Bare}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("designs", nargs="*", default=list(DESIGNS), metavar="design")
    arguments = parser.parse_args()
    with surroundings() as around:
        designs = [DESIGNS[name](around, scale=arguments.scale) for name in arguments.designs]
        for design in designs:
            design.prepare()
        runs: dict[str, list[Run]] = {design.name: [] for design in designs}
        for number in range(arguments.rounds):
            for design in designs:
                run = design.run()
                runs[design.name].append(run)
                print(f"round {number + 1}  {design.name:30}  {describe(run)}", flush=True)
        for name, found in runs.items():
            print(f"median   {name:30}  {statistics.median(run.rate for run in found):9.0f} deliveries/s")


def describe(run: Run) -> str:
    each = (f"{run.each_ms(part):6.2f}" for part in (run.workers, run.publisher, run.postgres))
    workers, publisher, postgres = each
    return (
        f"{run.deliveries:7} deliveries {run.rate:9.0f}/s, ms of CPU each: "
        f"workers {workers}, publisher {publisher}, PostgreSQL {postgres}"
    )


if __name__ == "__main__":
    main()
