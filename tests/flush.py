"""The flush after a transactional test: the one thing that may empty the audit trail, and what Django leaves lying."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import TransactionTestCase

from access.audit_triggers import create_triggers, drop_triggers


@pytest.fixture(autouse=True, scope="session")
def _flush_may_empty_the_audit_trail() -> Iterator[None]:
    """Take the triggers away for the flush and put them back: the tests themselves meet a database that refuses."""
    flush = TransactionTestCase._fixture_teardown

    def flush_without_triggers(self: TransactionTestCase) -> None:
        names = self._databases_names(include_mirrors=False)
        for name in names:
            drop_triggers(connections[name])
        try:
            flush(self)
            # The cache's table has no model, so a flush leaves it: counts of sign-ins for the next test to meet.
            cache.clear()
        finally:
            for name in names:
                create_triggers(connections[name])

    TransactionTestCase._fixture_teardown = flush_without_triggers  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = flush  # type: ignore[method-assign]
