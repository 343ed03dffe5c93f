"""`manage.py resend`: Enviar Tudo, Reenviar Pendentes and Enviar for cron jobs and shells of the operator."""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext_noop

from access.actors import Actor
from access.errors import ActionError
from catalog.models import Product
from dispatch.batches import Tally, count_batch, start_batch
from dispatch.models import Cause, SendBatch, State
from dispatch.pages.states import is_settled
from dispatch.previews import Item, preview_batch
from dispatch.sending import Press, find_last_event, refuse_unsendable, send_product
from webhooks.models import Webhook

LOOK_EVERY_SECONDS = 1.0
FAILED, REFUSED, IMPATIENT = 1, 2, 3
EXIT_CODES = (
    "Exit codes: 0 written down (with --wait: delivered), or nothing to send; 1 with --wait: something was not "
    "delivered at its first attempt; 2 refused, or the arguments are wrong; 3 --wait ran out of time."
)


class Command(BaseCommand):
    help = f"Send the last version of products to a webhook again. {EXIT_CODES}"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--webhook", required=True, metavar="UUID", help="identifier of the webhook")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--all", action="store_true", help="every selected product that has a version")
        what.add_argument("--pending", action="store_true", help="what ended in error, or waits for a retry")
        what.add_argument("--product", metavar="CODE", help="this product alone, at once")
        parser.add_argument("--dry-run", action="store_true", help="say what would go and what would not, send nothing")
        parser.add_argument("--wait", action="store_true", help="wait until each was tried, and say what came of it")
        parser.add_argument(
            "--timeout", type=float, default=3_600.0, metavar="SECONDS", help="the longest wait (default: an hour)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        webhook = _webhook(options["webhook"])
        try:
            if options["product"]:
                self._send_one(webhook, options)
            else:
                self._send_many(webhook, Cause.ENVIAR_TUDO if options["all"] else Cause.REENVIAR, options)
        except ActionError as refused:
            raise CommandError(str(refused.message), returncode=REFUSED) from refused

    def _send_many(self, webhook: Webhook, kind: str, options: dict[str, Any]) -> None:
        refuse_unsendable(webhook)
        preview = preview_batch(webhook, kind)
        if options["dry_run"]:
            for item in preview.going:
                self.stdout.write(f"goes   {_name(item)}")
            for item, why in preview.staying:
                self.stdout.write(f"stays  {_name(item)}: {why.label}")
        if not preview.going or options["dry_run"]:
            self.stdout.write(f"{len(preview.going)} to send, {len(preview.staying)} stay")
            return
        token = uuid4()
        batch = start_batch(webhook, kind, by=_actor(), token=token)
        if batch.uuid != token:
            self.stderr.write("a batch of this webhook is under way already")
        self.stdout.write(f"batch {batch.uuid} deliveries {batch.created}")
        if options["wait"]:
            self._watch(batch, options["timeout"])

    def _watch(self, batch: SendBatch, seconds: float) -> None:
        said: list[Tally] = []

        def done() -> bool:
            tally = count_batch(batch)
            if tally not in said[-1:]:
                said.append(tally)
                self.stderr.write(f"{tally.done} of {tally.total}: {tally.delivered} delivered, {_wrong(tally)} failed")
            return not tally.untried

        _wait(done, seconds)
        tally = said[-1]
        if tally.delivered < tally.total:
            left = tally.total - tally.delivered
            raise CommandError(f"{left} of {tally.total} were not delivered", returncode=FAILED)

    def _send_one(self, webhook: Webhook, options: dict[str, Any]) -> None:
        product = _product(options["product"])
        if options["dry_run"]:
            refuse_unsendable(webhook)
            self.stdout.write(f"goes   {product.code}: {find_last_event(product).publication}")
            return
        sending = send_product(webhook, product, by=_actor())
        if sending.press != Press.CREATED:
            self.stderr.write(f"{product.code} is under way already")
        delivery = sending.delivery
        self.stdout.write(f"delivery {delivery.uuid}")
        if not options["wait"]:
            return

        def done() -> bool:
            delivery.refresh_from_db(fields=("state", "reason", "due_at", "lease_token", "counted_attempts"))
            return is_settled(delivery)

        _wait(done, options["timeout"])
        if delivery.state != State.DELIVERED:
            raise CommandError(f"{product.code} was not delivered", returncode=FAILED)


def _wait(done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() >= until:
            raise CommandError("it is not done yet; the dispatcher goes on with it", returncode=IMPATIENT)
        time.sleep(min(LOOK_EVERY_SECONDS, max(0.0, until - time.monotonic())))


def _wrong(tally: Tally) -> int:
    return tally.failed + tally.retrying


def _name(item: Item) -> str:
    return item.product.code if item.product else item.subject


def _actor() -> Actor:
    return Actor.system(gettext_noop("resend command"))


def _webhook(text: str) -> Webhook:
    try:
        return Webhook.objects.select_related("participant").get(uuid=UUID(text))
    except (ValueError, Webhook.DoesNotExist):
        raise CommandError(f"there is no webhook {text}", returncode=REFUSED) from None


def _product(code: str) -> Product:
    try:
        return Product.objects.get(code=code)
    except Product.DoesNotExist:
        raise CommandError(f"there is no product with the code {code}", returncode=REFUSED) from None
