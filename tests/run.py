"""`make test`: every part of the suite, one after the other, and one sum at the end.

    python -m tests.run                  all parts
    python -m tests.run sqlite browser   some of them

A part whose service can't be had is counted as skipped, loudly; with CI=true that is a failure.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests import brokers, services
from tests.servers.packages import provide_oidc_provider

NO_TESTS = 5


@dataclass(frozen=True)
class Part:
    """One run of pytest: which tests, in how many processes, and what it needs."""

    name: str
    title: str
    marks: str
    workers: int = 0
    needs: tuple[str, ...] = ()
    # What some of its tests need, which then fail or skip by themselves: no test has the time to fetch it.
    uses: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


PARTS = (
    Part("sqlite", "unit tests on SQLite", "not process and not browser and not postgres and not celery", 2),
    Part(
        "postgres",
        "unit tests on PostgreSQL",
        "not process and not browser and not sqlite and not celery",
        2,
        ("postgres",),
    ),
    Part(
        "process",
        "real processes and faults, on SQLite",
        "process and not browser and not celery",
        2,
        uses=("oidc-provider", "nginx", "openssl"),
    ),
    # Other folders' processes have databases of their own, and would do the very same again.
    Part(
        "process-postgres",
        "the same with PostgreSQL",
        "process and not browser and not sqlite and not celery",
        2,
        ("postgres",),
        paths=("tests/dispatch",),
    ),
    Part("celery", "Celery with Redis and with RabbitMQ", "celery", 0, ("postgres", "redis", "rabbitmq")),
    Part("browser", "a person in Chromium", "browser", 0, ("chromium",)),
)


PROGRAMS: dict[str, Callable[[], object]] = {
    "oidc-provider": provide_oidc_provider,
    "nginx": services.provide_nginx,
    "openssl": services.provide_openssl,
}


def main(names: list[str]) -> int:
    unknown = set(names) - {part.name for part in PARTS}
    if unknown:
        print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(part.name for part in PARTS)}")
        return 2
    started = time.monotonic()
    wanted = [part for part in PARTS if not names or part.name in names]
    with ExitStack() as stack:
        available = _provide(wanted, stack)
        sums, failed = Counter[str](), []
        for part in wanted:
            outcome, good = _run(part, available)
            sums += outcome
            failed += [] if good else [part.name]
    _tell(sums, failed, time.monotonic() - started)
    return 1 if failed else 0


def _provide(parts: Iterable[Part], stack: ExitStack) -> dict[str, str]:
    """What the parts need and use, as far as it can be had: the server's URL, the browser's path."""
    needed = {need for part in parts for need in part.needs}
    found: dict[str, str | None] = {}
    if "postgres" in needed:
        found["postgres"] = stack.enter_context(services.provide_postgres())
    if "chromium" in needed:
        found["chromium"] = services.provide_chromium()
    if "redis" in needed:
        found["redis"] = brokers.provide_redis()
    if "rabbitmq" in needed:
        found["rabbitmq"] = brokers.provide_rabbitmq()
    for use in sorted({use for part in parts for use in part.uses}):
        PROGRAMS[use]()
    return {name: value for name, value in found.items() if value}


def _run(part: Part, available: dict[str, str]) -> tuple[Counter[str], bool]:
    print(f"\n##### {part.title}", flush=True)
    missing = [need for need in part.needs if need not in available]
    if missing:
        return _skip(part, missing)
    report = Path(tempfile.mkdtemp(prefix="gancho-report-")) / "junit.xml"
    words = [sys.executable, "-m", "pytest", "-q", "-m", part.marks, f"--junitxml={report}", *part.paths]
    words += ["-n", str(part.workers), "--dist", "loadfile"] if part.workers else []
    code = subprocess.run(words, env=_environment(part, available), stdin=subprocess.DEVNULL, check=False).returncode
    outcome = _count(report)
    return outcome, code == 0 and not outcome["failed"] and not outcome["errors"]


def _environment(part: Part, available: dict[str, str]) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", services.SERVER_URL)}
    env |= {"TEST_CHROMIUM": available.get("chromium", "")}
    if "postgres" in part.needs:
        env |= {"DATABASE_URL": available["postgres"], services.SERVER_URL: available["postgres"]}
    return env


def _skip(part: Part, missing: list[str]) -> tuple[Counter[str], bool]:
    """Count what would have run. In CI a skipped part is a failed one."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-m", part.marks, *part.paths]
    listed = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False).stdout
    count = sum(int(line.rpartition(": ")[2]) for line in listed.splitlines() if line.startswith("tests/"))
    print(f"!!! SKIPPED: {count} tests ({part.title}): no {' and no '.join(missing)} here, and none could be installed")
    return Counter({"skipped": count}), not services.must_have_everything()


def _count(report: Path) -> Counter[str]:
    if not report.exists():
        return Counter({"errors": 1})
    suite = ElementTree.parse(report).getroot().find("testsuite")
    numbers = (
        {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
        if suite is not None
        else {}
    )
    passed = numbers.get("tests", 0) - sum(numbers.get(name, 0) for name in ("failures", "errors", "skipped"))
    return Counter(
        passed=passed,
        failed=numbers.get("failures", 0),
        errors=numbers.get("errors", 0),
        skipped=numbers.get("skipped", 0),
    )


def _tell(sums: Counter[str], failed: list[str], seconds: float) -> None:
    words = [
        f"{sums[name]} {name}" for name in ("failed", "passed", "skipped", "errors") if sums[name] or name == "passed"
    ]
    if failed:
        print(f"\nparts that failed: {', '.join(failed)}")
    print(f"\n===== {', '.join(words)} in {seconds:.2f}s =====", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
