import argparse
from collections import Counter
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from vault import sentinel, uses
from vault.errors import KeysMisconfigured, UnreadableSecret
from vault.keys import Keyring, keyring
from vault.rotation import SealedStock, Spot, find_all

BAD_USE = 2
PROGRESS_SECONDS = 2.0


class Command(BaseCommand):
    """Seals every secret anew with the current key.

    Put the new key first in PORTAL_DATA_KEYS, restart every process, run this, then once more with `--drop OLD`. It
    may run beside everything else, be stopped at any moment and be run again.
    """

    help = "Seal every stored secret anew with the current key of PORTAL_DATA_KEYS. Safe to stop and to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        # A mistake is answered by one line, without the usage before it.
        parser.usage = argparse.SUPPRESS
        parser.add_argument("--dry-run", action="store_true", help="count by key, write nothing")
        parser.add_argument(
            "--drop", metavar="KEY", help="afterwards make sure that nothing uses KEY, so that it may be taken away"
        )
        parser.add_argument("--chunk", type=int, default=500, metavar="N", help="rows read at a time (default 500)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["chunk"] < 1:
            raise CommandError("--chunk must be at least 1", returncode=BAD_USE)
        try:
            ring = keyring()
        except KeysMisconfigured as error:
            raise CommandError(str(error), returncode=BAD_USE) from None
        spots = find_all()
        drop = options["drop"]
        if drop is not None:
            refuse_wrong_drop(drop, ring, spots)
        unreadable = 0 if options["dry_run"] else self.reseal_all(spots, options["chunk"])
        self.report(spots, ring)
        if drop is not None:
            self.let_go(drop, spots, dry_run=options["dry_run"])
        if unreadable:
            raise CommandError(f"{unreadable} secrets could not be opened and stay as they are")

    def reseal_all(self, spots: list[Spot | SealedStock], chunk: int) -> int:
        """Return how many could not be opened."""
        outcomes: Counter[str] = Counter()
        try:
            for spot in spots:
                self.reseal_spot(spot, chunk, outcomes)
        except KeyboardInterrupt:
            raise CommandError(f"stopped after {outcomes['sealed']} secrets; run it again for the rest") from None
        done = ", ".join(f"{word} {outcomes[word]}" for word in ("sealed", "changed meanwhile", "unreadable"))
        self.stdout.write(f"{done}")
        return outcomes["unreadable"]

    def reseal_spot(self, spot: Spot | SealedStock, chunk: int, outcomes: "Counter[str]") -> None:
        next_word = monotonic() + PROGRESS_SECONDS
        for number, row in enumerate(spot.stale_rows(chunk), start=1):
            try:
                outcomes["sealed" if spot.reseal(row) else "changed meanwhile"] += 1
            except UnreadableSecret as error:
                outcomes["unreadable"] += 1
                self.stderr.write(f"{spot}, row {row.uuid}: {error}")
            if monotonic() >= next_word:
                self.stdout.write(f"{spot}: {number} done")
                next_word = monotonic() + PROGRESS_SECONDS

    def report(self, spots: list[Spot | SealedStock], ring: Keyring) -> None:
        self.stdout.write(f"current key: {ring.current.id}")
        for spot in spots:
            counts = sorted(spot.count_by_key().items())
            words = ", ".join(f"{key_id or 'no key'} {number}" for key_id, number in counts)
            self.stdout.write(f"{spot}: {words or 'no secrets'}")

    def let_go(self, drop: str, spots: list[Spot | SealedStock], *, dry_run: bool) -> None:
        if found := count_uses(drop, spots):
            words = ", ".join(f"{name} {number}" for name, number in found.items())
            raise CommandError(f"{drop} is still in use and must stay: {words}")
        if dry_run:
            self.stdout.write(f"{drop}: nothing uses it")
            return
        sentinel.forget(drop)
        self.stdout.write(f"{drop}: nothing uses it, take it out of PORTAL_DATA_KEYS; links signed with it then end")


def refuse_wrong_drop(key_id: str, ring: Keyring, spots: list[Spot | SealedStock]) -> None:
    if key_id == ring.current.id:
        raise CommandError(f"{key_id} is the current key: put another one before it first", returncode=BAD_USE)
    if key_id not in ring.by_id and not sentinel.is_planted(key_id) and not count_uses(key_id, spots):
        raise CommandError(f"there is no key {key_id!r}", returncode=BAD_USE)


def count_uses(key_id: str, spots: list[Spot | SealedStock]) -> dict[str, int]:
    sealed = {str(spot): spot.count_by_key().get(key_id, 0) for spot in spots}
    return {name: number for name, number in {**sealed, **uses.count_uses(key_id)}.items() if number}
