"""The course of one mode: people at work amid trouble for some minutes; then trouble ends, and all has to end well."""

import random
import shutil
import time
from typing import Any

from django.db import transaction

from dispatch.actions import cancel
from dispatch.models import Delivery, Reason
from tests.dispatch.hanging import HEALTHY, add_backlog, p95_of_receipts
from tests.dispatch.running import Senders, publish_file
from tests.factories import make_product, make_webhook, make_webhooks
from tests.processes import Oracle, wait_until
from tests.soak.fleet import LEASE_SECONDS, Fleet
from tests.soak.people import Crowd
from tests.soak.reckoning import reckon
from tests.soak.surroundings import Surroundings
from tests.soak.trouble import Trouble
from tests.soak.world import RETRY_SECONDS, World, settle_held
from webhooks.models import Webhook

# Retries, and the leases of what was killed last.
END_SECONDS = 150
BACKLOG = 10_000
# What is very quick may more than double on a busy machine.
ROOM_SECONDS = 0.2


def tell(around: Surroundings, seconds: float, seed: int) -> tuple[dict[str, Any], list[str]]:
    """Return the figures and what was found to be wrong."""
    rng = random.Random(seed)
    senders = Senders("celery", around.redis.url) if around.redis else Senders("dispatcher")
    with Oracle(around.folder) as oracle, Fleet(senders, around.folder) as fleet:
        world = World(oracle)
        fleet.start()
        alone, beside = _measure_beside_one_that_hangs(oracle)
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
        figures |= {f"p95 alone, and beside {BACKLOG} that hang": f"{alone:.3f} s, {beside:.3f} s"}
        if beside > max(2 * alone, ROOM_SECONDS):
            found.append(f"beside one that hangs the others wait {beside:.3f} s instead of {alone:.3f} s")
        figures |= {"faults made": ", ".join(f"{name} {count}" for name, count in sorted(trouble.made.items()))}
        if found:
            kept = shutil.copytree(around.folder, f"{around.folder}-kept")
            found.append(f"logs and the oracle's record: {kept}")
    return figures, found


def _measure_beside_one_that_hangs(oracle: Oracle) -> tuple[float, float]:
    """Fault 13: the p95 from publication to receipt without and with one webhook that hangs with BACKLOG due."""
    product = make_product()
    make_webhooks([oracle.url(f"/ok/healthy{number}") for number in range(HEALTHY)], product=product)
    dead = make_webhook(request_uri=oracle.url("/gate/backlog"), max_attempts=3)
    Webhook.objects.filter(pk=dead.pk).update(retry_interval_seconds=RETRY_SECONDS)
    publish_file(product)
    oracle.wait_for(HEALTHY)
    alone = p95_of_receipts(oracle, product)
    add_backlog(dead, BACKLOG)
    oracle.wait_for(1, target="/gate/backlog", within=30)
    beside = p95_of_receipts(oracle, product)
    oracle.open_gate("backlog")
    # Four at a time, ten thousand would take as long as all the rest.
    with transaction.atomic():
        cancel(Delivery.objects.filter(webhook=dead), reason=Reason.STOPPED_BY_USER)
    return alone, beside


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
