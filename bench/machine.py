"""The machine that was measured on, in a few lines."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.surroundings import POSTGRES
from tests import services


def describe_machine() -> list[str]:
    """Return lines that say what the figures depend on."""
    programs = services.find_postgres()
    versions = [
        f"Python {platform.python_version()}",
        _said(programs / "postgres" if programs else None, "--version"),
        _said(shutil.which("redis-server"), "--version"),
        _said(services.find_nginx(), "-v"),
    ]
    settings = ", ".join(f"{name} {value}" for name, value in POSTGRES.items() if not name.startswith("pg_stat"))
    return [
        f"{os.cpu_count()} processors, {_processor()}, {_memory_gb():.0f} GB of memory",
        f"{platform.system()} {platform.release()}, load before the run {os.getloadavg()[0]:.1f}",
        ", ".join(filter(None, versions)),
        f"PostgreSQL on a disk, with {settings}",
        f"commit {_commit()}",
    ]


def _said(program: Path | str | None, option: str) -> str:
    if program is None:
        return ""
    said = subprocess.run([program, option], capture_output=True, text=True, check=False)
    version = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
    return f"{Path(program).name} {version[0] if version else ''}"


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _commit() -> str:
    words = ["git", "describe", "--always", "--dirty"]
    said = subprocess.run(words, capture_output=True, text=True, check=False, cwd=sys.path[0] or ".")
    return said.stdout.strip() or "unknown"
