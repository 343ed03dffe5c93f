"""The numbers with which senders are started in tests and in `make soak` are numbers that they start with."""

import pytest

from dispatch.checks import shortest_lease_seconds
from tests.dispatch import running
from tests.soak import fleet


@pytest.mark.parametrize("over", [{}, fleet.NUMBERS], ids=["tests", "soak"])
def test_the_lease_covers_a_whole_batch(over: dict[str, str]) -> None:
    numbers = {name: int(value) for name, value in (running.NUMBERS | over).items()}
    shortest = shortest_lease_seconds(
        batch=numbers["PORTAL_DISPATCH_BATCH"],
        concurrency=numbers["PORTAL_DISPATCH_CONCURRENCY"],
        deadline_seconds=numbers["PORTAL_OUTBOUND_DEADLINE_SECONDS"],
        # Its default: the same deadline, up to ten seconds.
        token_seconds=numbers["PORTAL_OUTBOUND_DEADLINE_SECONDS"],
    )
    assert shortest <= numbers["PORTAL_DISPATCH_LEASE_SECONDS"]
