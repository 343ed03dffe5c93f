"""npm packages for tests, as lock files have them: fetched once, into folders that git ignores.

`oidc` is the authorization server, `node` a Node.js for it where the machine's is older than it needs (Debian 12).
"""

import fcntl
import hashlib
import os
import re
import subprocess
from pathlib import Path

from tests import services

HERE = Path(__file__).parent
NPM_SECONDS = 300
# oidc-provider uses what came with these.
OLDEST_NODE = (20, 20)


def provide_oidc_provider() -> tuple[Path, Path] | None:
    """A Node.js that runs it and the folder it is in, after fetching them when need be; None when they can't be had."""
    node = provide_node()
    return (node, HERE / "oidc") if node and _provide(HERE / "oidc") else None


def provide_node() -> Path | None:
    """The machine's Node.js if it is new enough, else one of npm's."""
    own = services.provide_node()
    if own and _version_of(own) >= OLDEST_NODE:
        return Path(own)
    if not _provide(HERE / "node"):
        return None
    return next(HERE.glob("node/node_modules/node-*/bin/node"), None)


def _version_of(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(map(int, re.findall(r"\d+", said)))


def _provide(folder: Path) -> bool:
    # Tests run in several processes: one fetches, the others wait for it.
    with (folder / "package-lock.json").open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not _is_current(folder):
            _fetch(folder)
        return _is_current(folder)


def _stamp(folder: Path) -> Path:
    return folder / "node_modules" / ".fetched-as-locked"


def _locked(folder: Path) -> str:
    return hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()


def _is_current(folder: Path) -> bool:
    stamp = _stamp(folder)
    return stamp.exists() and stamp.read_text() == _locked(folder)


def _fetch(folder: Path) -> None:
    npm = services.provide_npm()
    if npm is None:
        return
    print(f"fetching the npm packages of {folder.name} for the tests", flush=True)
    words = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            words, cwd=folder, env=dict(os.environ), stdin=subprocess.DEVNULL, timeout=NPM_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"npm ci took longer than {NPM_SECONDS} s", flush=True)
        return
    if done.returncode == 0:
        _stamp(folder).write_text(_locked(folder))
