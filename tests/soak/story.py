"""The course of one mode: people at work amid trouble for some minutes; then trouble ends, and all has to end well."""

import random
import shutil
import time
from typing import Any

from dispatch.models import Delivery
from tests.dispatch.running import LEASE_SECONDS, Senders
from tests.processes import Oracle, wait_until
from tests.soak.fleet import Fleet
from tests.soak.people import Crowd
from tests.soak.reckoning import reckon
from tests.soak.surroundings import Surroundings
from tests.soak.trouble import Trouble
from tests.soak.world import World, settle_held

# Retries, and the leases of what was killed last.
END_SECONDS = 150


def tell(around: Surroundings, seconds: float, seed: int) -> tuple[dict[str, Any], list[str]]:
    """Return the figures and what was found to be wrong."""
    rng = random.Random(seed)
    senders = Senders("celery", around.redis.url) if around.redis else Senders("dispatcher")
    with Oracle(around.folder) as oracle, Fleet(senders, around.folder) as fleet:
        world = World(oracle)
        fleet.start()
        crowd = Crowd(world, seed)
        trouble = Trouble(around, fleet, oracle, crowd.notes, rng)
        with crowd:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                trouble.make()
        trouble.end()
        ended = _wait_for_end(oracle)
        fleet.stop()
        figures, found = reckon(world, oracle, fleet, crowd.notes)
        found = [*([] if ended else [_what_is_open()]), *found]
        figures |= {"faults made": ", ".join(f"{name} {count}" for name, count in sorted(trouble.made.items()))}
        if found:
            kept = shutil.copytree(around.folder, f"{around.folder}-kept")
            found.append(f"logs and the oracle's record: {kept}")
    return figures, found


def _wait_for_end(oracle: Oracle) -> bool:
    """Wait until nothing is open; what is held for a webhook that stays stopped is decided upon meanwhile."""

    def nothing_open() -> bool:
        settle_held()
        return not Delivery.objects.open().exists()

    try:
        wait_until(nothing_open, within=LEASE_SECONDS + END_SECONDS, what="everything to end")
    except AssertionError:
        return False
    return True


def _what_is_open() -> str:
    rows = Delivery.objects.open().values_list("pk", "webhook__request_uri", "state", "due_at", "lease_token")
    return f"{Delivery.objects.open().count()} deliveries did not end, such as {list(rows[:3])}"
