"""`manage.py erase_participant`: the erasure that the admin orders and a job carries out, to its end at once."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from access import actions, cnpj
from access.actors import Actor
from access.errors import ActionError
from access.models import Erasure, Participant
from portal import erasing

BAD_USE, NOT_FINISHED = 2, 1
# Longer than a lease: what is in flight ends by then.
WAIT_SECONDS = 300.0


class Command(BaseCommand):
    help = (
        "Erase a participant for good: its webhooks, notifications, credentials and tests, and the people who belong "
        "to nobody else. Says what would go and asks for the CNPJ. Stopped midway, run it again or leave the rest to "
        "the job. "
        "Exit code 1: not finished yet, 2: refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "participant", nargs="?", help="its CNPJ, or its identifier (the only way once it is erased)"
        )
        parser.add_argument("--reason", default="", help="kept for ever: name no person")
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")
        parser.add_argument("--confirmed", metavar="CNPJ", default="", help="the CNPJ once more, instead of typing it")
        parser.add_argument("--list", action="store_true", help="list the erasures: to repeat them after a restore")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self._list()
            return
        participant = _find(options["participant"] or "")
        self._tell(participant)
        if options["dry_run"]:
            return
        erasure = Erasure.objects.filter(participant=participant).first()
        self._carry_on(erasure or self._request(participant, options))

    def _list(self) -> None:
        for erasure in Erasure.objects.select_related("participant").order_by("requested_at"):
            end = erasure.finished_at.isoformat() if erasure.finished_at else "under way"
            self.stdout.write(f"{erasure.participant.uuid} {erasure.requested_at.isoformat()} {end}")

    def _tell(self, participant: Participant) -> None:
        self.stdout.write(f"{participant.name} ({participant.uuid})")
        for words, count in erasing.plan_erasure(participant):
            self.stdout.write(f"{count:>10}  {words}")
        self.stdout.write("Kept: what was published; the audit trail without names; that and why this was erased.")

    def _request(self, participant: Participant, options: dict[str, Any]) -> Erasure:
        typed = options["confirmed"] or _ask(f"This can't be taken back. CNPJ of {participant.name}: ")
        if cnpj.normalise(typed) != participant.cnpj:
            raise CommandError("that is not its CNPJ: nothing was changed", returncode=BAD_USE)
        try:
            return actions.request_erasure(
                participant, reason=options["reason"], by=Actor.system("erase_participant command")
            )
        except ActionError as refused:
            raise CommandError(refused.message, returncode=BAD_USE) from None

    def _carry_on(self, erasure: Erasure) -> None:
        if wait := erasing.seconds_to_wait(erasure, timezone.now()):
            self.stdout.write(f"waiting {wait:.0f} s for what is under way")
            time.sleep(wait)
        self._told_at = time.monotonic()
        while not erasing.carry_on(erasure, ends_at=float("inf"), tell=self._progress):
            if time.monotonic() > self._told_at + WAIT_SECONDS:
                raise CommandError(
                    "not finished: something is still being sent. Run it again.", returncode=NOT_FINISHED
                )
            time.sleep(1)
        self.stdout.write(f"erased: {erasure.participant.uuid}")

    def _progress(self, words: str) -> None:
        # A large one may take longer than the wait: that is for one from which nothing goes any more.
        self._told_at = time.monotonic()
        self.stdout.write(words)


def _find(text: str) -> Participant:
    found = Participant.objects.named(text)
    if found is None:
        raise CommandError("there is no such participant", returncode=BAD_USE)
    return found


def _ask(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        raise CommandError("nobody answers: give --confirmed", returncode=BAD_USE) from None
