"""The data key is changed while notifications go out: none fails, none is sent twice, nothing stays unreadable.

In the order of docs/operations.md: every process knows the new key before any seals with it, and the old one is dropped
when nothing stands on it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from django.conf import settings
from standardwebhooks.webhooks import Webhook as Verifier

from access.actors import Actor
from dispatch.models import Attempt, Delivery
from tests.dispatch.issuing import make_source
from tests.dispatch.running import (
    NUMBERS,
    compare,
    database_url,
    how_many,
    publish_file,
    received_by_id,
    wait_for_end,
)
from tests.factories import make_product, make_webhook
from tests.processes import KEYS, Oracle, end, manage, portal_environment, run, started
from vault.rotation import find_spots
from webhooks.actions import rotate_signing_secret
from webhooks.models import Webhook
from webhooks.values import HeaderValues

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]
NEW = "k2:YW5vdGhlci1rZXktZm9yLXRlc3RzLTMyLWJ5dGVzISE="
OLD_THEN_NEW, NEW_THEN_OLD = f"{KEYS},{NEW}", f"{NEW},{KEYS}"
WEBHOOKS = 12
BY = Actor.system("test")


class Fleet:
    """Dispatchers under some keys, exchanged one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._running = folder, list[Any]()

    def environment(self, keys: str) -> dict[str, str]:
        return portal_environment(Path(settings.PORTAL_HOME), database_url(), **NUMBERS, PORTAL_DATA_KEYS=keys)

    def roll(self, keys: str) -> None:
        """Start each anew with `keys`, the others working meanwhile. On SQLite there is one."""
        for place in range(how_many()):
            if len(self._running) > place:
                self._running[place].__exit__(None, None, None)
            log = self._folder / f"dispatcher-{place}.log"
            process = started(*manage("dispatcher"), env=self.environment(keys), log=log)
            process.__enter__()
            self._running[place : place + 1] = [process]

    def stop(self) -> None:
        for process in self._running:
            process.__exit__(None, None, None)


@contextmanager
def fleet_in(folder: Path) -> Iterator[Fleet]:
    fleet = Fleet(folder)
    try:
        yield fleet
    finally:
        fleet.stop()


def make_receivers(oracle: Oracle, product: Any) -> None:
    """Webhooks that the oracle refuses unless their secret arrives, one of them with a fetched token."""
    for number in range(WEBHOOKS):
        make_webhook(
            request_uri=oracle.url(f"/token/secret-{number}"),
            products=[product],
            auth_method="secret",
            auth_secrets={"secret": f"secret-{number}"},
            headers=(HeaderValues("X-Own", f"own secret {number}"),),
        )
    bearer = make_webhook(request_uri=oracle.url("/bearer/one"), products=[product])
    make_source(oracle.url("/issue/one"), bearer)


def publish_while(process: Popen[bytes], product: Any) -> int:
    """Publish until the process has ended; return how often."""
    published = 0
    while process.poll() is None or not published:
        publish_file(product, f"while {published}".encode())
        # A secret that is replaced at that very moment stays the new one.
        rotate_signing_secret(Webhook.objects.order_by("?")[0], by=BY)
        published += 1
    return published


def keys_in_use() -> set[str]:
    return {key for spot in find_spots() for key in spot.count_by_key()}


def test_nothing_fails_while_the_data_key_is_changed(oracle: Oracle, tmp_path: Path, settings: Any) -> None:
    product = make_product()
    make_receivers(oracle, product)
    with fleet_in(tmp_path) as fleet:
        for number, keys in enumerate((KEYS, OLD_THEN_NEW, NEW_THEN_OLD)):
            publish_file(product, b"%d before" % number)
            fleet.roll(keys)
            settings.PORTAL_DATA_KEYS = keys
            # Sealed with the key that is the first one here: every sender has to know it by now.
            rotate_signing_secret(Webhook.objects.order_by("pk")[number], by=BY)
            publish_file(product, b"%d after" % number)
        assert keys_in_use() >= {"k1"}
        words = manage("rotate_secrets", "--chunk", "2")
        with started(*words, env=fleet.environment(NEW_THEN_OLD), log=tmp_path / "rotate.log") as rotating:
            published = publish_while(rotating, product)
            assert end(rotating) == 0, (tmp_path / "rotate.log").read_text()
        dropped = run(*manage("rotate_secrets", "--drop", "k1"), env=fleet.environment(NEW_THEN_OLD))
        assert "k1: nothing uses it" in dropped.stdout, dropped.stdout + dropped.stderr
        fleet.roll(NEW)
        settings.PORTAL_DATA_KEYS = NEW
        publish_file(product, b"at the end")
        wait_for_end(60)
    assert keys_in_use() == {"k2"}
    assert Delivery.objects.count() == (7 + published) * (WEBHOOKS + 1)
    compare(oracle, ends=("delivered",))
    assert not Attempt.objects.filter(outcome="not_sent").exists()
    assert not Attempt.objects.exclude(status=200).exclude(outcome="handed_back").exists()
    _check_last_signatures(oracle)


def _check_last_signatures(oracle: Oracle) -> None:
    """What was sent last is signed with the secret that the row holds now, opened with the new key alone."""
    received = received_by_id(oracle)
    for webhook in Webhook.objects.all():
        last = Delivery.objects.filter(webhook=webhook).latest("pk")
        request = received[last.message_id][-1]
        headers = {name.lower(): value for name, value in request["headers"]}
        Verifier(webhook.signing_secret).verify(request["body"], headers)
