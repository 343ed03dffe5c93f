"""`make mutants`: breaks a copy of the tree in each way of the table, and looks whether the named tests notice.

    python -m tests.mutants.run             all of them
    python -m tests.mutants.run pin lease   those with one of the words in their name

First the named tests must be green as they are. A mutant that stays green is a promise without a test. Some are about
what only PostgreSQL does: for those a private one is started.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from xml.etree import ElementTree

from tests import services
from tests.mutants.mutant import Mutant
from tests.mutants.table import MUTANTS

ROOT = Path(__file__).resolve().parent.parent.parent


class Copy:
    """A copy of the tree in which files are changed and put back."""

    def __init__(self, folder: Path, postgres_url: str | None = None) -> None:
        self.folder = folder
        self.postgres_url = postgres_url
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0"):
            if name and (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

    @contextmanager
    def broken(self, mutant: Mutant) -> Iterator[None]:
        path = self.folder / mutant.file
        sound = path.read_text()
        path.write_text(sound.replace(mutant.old, mutant.new))
        try:
            yield
        finally:
            path.write_text(sound)

    def failures(self, tests: Sequence[str], *, postgres: bool = False) -> int:
        """Run tests in the copy; return how many failed. Raises RuntimeError when none ran at all."""
        report = self.folder / "report.xml"
        report.unlink(missing_ok=True)
        words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
        # No bytecode: a file changed twice within one second could otherwise be taken for the one before.
        env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        env |= {"PYTHONDONTWRITEBYTECODE": "1"}
        if postgres:
            assert self.postgres_url
            env |= {"DATABASE_URL": self.postgres_url}
            words.append("--create-db")
        done = subprocess.run(
            words, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        suite = ElementTree.parse(report).getroot().find("testsuite") if report.exists() else None
        if suite is None or not int(suite.get("tests", 0)) or int(suite.get("errors", 0)):
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        return int(suite.get("failures", 0))


def check_table(mutants: Sequence[Mutant] = MUTANTS) -> list[str]:
    """What is wrong with the table itself: words that are gone or stand twice, tests that don't exist."""
    wrong = []
    for mutant in mutants:
        found = (ROOT / mutant.file).read_text().count(mutant.old) if (ROOT / mutant.file).exists() else 0
        if found != 1:
            wrong.append(f"{mutant.name}: its words stand {found} times in {mutant.file}")
        for test in mutant.tests:
            # Of one with parameters, a case may be named.
            file, _, name = test.partition("[")[0].partition("::")
            if not (ROOT / file).exists() or (name and f"def {name}(" not in (ROOT / file).read_text()):
                wrong.append(f"{mutant.name}: there is no {test}")
    return wrong


def main(words: list[str]) -> int:
    mutants = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    if wrong := check_table(mutants):
        print("\n".join(wrong))
        return 1
    started = time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gancho-mutants-"))
        url = None
        if any(mutant.postgres for mutant in mutants):
            url = stack.enter_context(services.provide_postgres())
            if url is None:
                print("PostgreSQL is not here and could not be installed")
                return 1
        copy = Copy(Path(folder), url)
        if not _are_sound(copy, mutants):
            print("the named tests fail without any mutant: mend them first")
            return 1
        survivors = [mutant.name for mutant in mutants if not _is_noticed(copy, mutant)]
    noticed, seconds = len(mutants) - len(survivors), time.monotonic() - started
    print(f"===== {noticed} noticed, {len(survivors)} survived in {seconds:.0f}s =====")
    return 1 if survivors else 0


def _are_sound(copy: Copy, mutants: Sequence[Mutant]) -> bool:
    for postgres in (False, True):
        chosen = [mutant for mutant in mutants if mutant.postgres == postgres]
        named = list(dict.fromkeys(test for mutant in chosen for test in mutant.tests))
        if named and copy.failures(named, postgres=postgres):
            return False
    return True


def _is_noticed(copy: Copy, mutant: Mutant) -> bool:
    with copy.broken(mutant):
        try:
            noticed = copy.failures(mutant.tests, postgres=mutant.postgres) > 0
        except RuntimeError as error:
            # A mutant that breaks the import or the fixtures proves nothing about the test.
            print(f"ERROR     {mutant.name}\n{error}", flush=True)
            return False
    print(f"{'noticed ' if noticed else 'SURVIVED'}  {mutant.name}", flush=True)
    return noticed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
