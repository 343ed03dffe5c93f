"""The portal as the measuring process asks for it: a line of JSON in, a line of JSON out.

{"call": "bench.inside.publishing:publish", "with": {"events": 3}}
"""

import json
import sys
from importlib import import_module
from typing import IO

import django

from dispatch.garbage import spare_what_stays


def main() -> None:
    # What a command tells its terminal is not an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    django.setup()
    # As a web worker does, whose place this process takes.
    spare_what_stays()
    _say({"ready": True}, answers)
    for line in sys.stdin:
        asked = json.loads(line)
        module, _, name = asked["call"].partition(":")
        _say(getattr(import_module(module), name)(**asked["with"]) or {}, answers)


def _say(answer: dict, to: IO[str]) -> None:
    print(json.dumps(answer), file=to, flush=True)


if __name__ == "__main__":
    main()
