"""One mode of `make soak`: python -m tests.soak.run MODE SECONDS SEED REPORT"""

import json
import os
import signal
import sys
from pathlib import Path

from tests.soak.surroundings import Surroundings, surroundings


def main(mode: str, seconds: str, seed: str, report: str) -> None:
    # Asked to stop, it still stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with surroundings(mode) as around:
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        figures, found = run(around, float(seconds), int(seed))
    Path(report).write_text(json.dumps({"figures": figures, "found": found}))


def run(around: Surroundings, seconds: float, seed: int) -> tuple[dict[str, object], list[str]]:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.PORTAL_OUTBOUND_ALLOW = ["127.0.0.0/8"]
    settings.PORTAL_OUTBOUND_ALLOW_LOOPBACK = True
    call_command("migrate", verbosity=0)
    from tests.soak.story import tell

    return tell(around, seconds, seed)


if __name__ == "__main__":
    main(*sys.argv[1:])
