import time
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import Audience, Product
from outbound.errors import Refused
from portal import load
from webhooks.errors import InvalidWebhook

MOST = 1_000_000


class Command(BaseCommand):
    help = (
        "Make active webhooks of invented participants, subscribed to one product, for measuring. Refused in "
        "production. Run again it adds what is missing: the same webhooks for the same numbers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--webhooks", required=True, type=_count, metavar="N", help="how many there are to be")
        parser.add_argument("--url", required=True, help="their address; {n} is replaced by the webhook's number")
        parser.add_argument("--product", required=True, metavar="CODE", help="code of the product they hear of")
        parser.add_argument("--create-product", action="store_true", help="make the product when there is none")
        parser.add_argument("--dry-run", action="store_true", help="check everything, make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if not load.is_allowed():
            raise CommandError("load data has no place in production: see PORTAL_ENVIRONMENT", returncode=2)
        try:
            self._seed(options)
        except load.OtherAddress as other:
            message = f"the load webhooks of this product call {other}: give the same --url, or another --product"
            raise CommandError(message, returncode=2) from other
        except (Refused, InvalidWebhook) as refused:
            hint = "private networks and loopback need PORTAL_OUTBOUND_ALLOW, see .env.example"
            raise CommandError(f"{options['url']}: {_words(refused)} ({hint})", returncode=2) from refused

    def _seed(self, options: dict[str, Any]) -> None:
        product = self._product(options)
        wanted = load.Load(product, options["url"], options["webhooks"])
        missing = load.find_missing(wanted)
        there = wanted.count - len(missing)
        if options["dry_run"]:
            self.stdout.write(f"dry run: {there} webhooks are there, {len(missing)} would be made")
            return
        started = time.monotonic()
        if product.pk is None:
            wanted = load.Load(load.create_product(product.code), wanted.url, wanted.count)
        for made in load.seed(wanted, missing):
            self.stderr.write(f"{made} of {wanted.count}")
        seconds = time.monotonic() - started
        self.stdout.write(
            f"product {product.code}: {there} webhooks were there, {len(missing)} made in {seconds:.1f} s"
        )

    def _product(self, options: dict[str, Any]) -> Product:
        code = options["product"]
        product = Product.objects.filter(code=code).first()
        if product is None and options["create_product"]:
            return Product(code=code)
        if product is None:
            message = f"there is no product with the code {code}; --create-product makes it"
            raise CommandError(message, returncode=2)
        if product.audience != Audience.ALL or not product.active:
            message = f"product {code} is inactive or for granted participants only: nobody invented could hear of it"
            raise CommandError(message, returncode=2)
        return product


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise ArgumentTypeError(f"from 1 to {MOST}")
    return int(text)


def _words(refused: Refused | InvalidWebhook) -> str:
    if isinstance(refused, Refused):
        return str(refused.message)
    return " ".join(str(problem.message) for problem in refused.problems)
