"""Processor time of processes and all they started, read from /proc: also of children that have ended meanwhile."""

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(*roots: int) -> float:
    """Return the processor seconds so far of these processes, their living descendants, and those they waited for."""
    stats = _read_all()
    return sum(sum(times) for pid in _with_descendants(roots, stats) for _, times in [stats[pid]]) / TICK


def parent_of(pid: int) -> int:
    """Return the id of the process that started `pid`."""
    return _read_all()[pid][0]


def rss_bytes(pid: int) -> int:
    """Return the resident memory of one process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _with_descendants(roots: tuple[int, ...], stats: dict[int, tuple[int, list[int]]]) -> set[int]:
    found = {pid for pid in roots if pid in stats}
    grown = True
    while grown:
        children = {pid for pid, (parent, _) in stats.items() if parent in found and pid not in found}
        found |= children
        grown = bool(children)
    return found


def _read_all() -> dict[int, tuple[int, list[int]]]:
    stats = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                text = Path(f"/proc/{entry}/stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            # The name stands in parentheses and may hold spaces and parentheses itself.
            fields = text.rpartition(")")[2].split()
            # utime, stime, and the same of children that were waited for.
            stats[int(entry)] = int(fields[1]), [int(value) for value in fields[11:15]]
    return stats
