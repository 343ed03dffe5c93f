"""`manage.py publish`: what cron jobs and shell scripts of the operator call."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_noop

from access.actors import Actor
from access.errors import ActionError
from access.unavailable import is_unavailable
from catalog.models import Product
from catalog.periods import parse_period
from dispatch.actions import publish
from dispatch.fan_out import webhooks_told_of


class Command(BaseCommand):
    help = "Publish a file for a period of a product, and tell the webhooks that are subscribed to it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--product", required=True, metavar="CODE", help="code of the product")
        parser.add_argument(
            "--period",
            required=True,
            help="2020-08, 2020-08-15 or 2020-08-01/2020-08-07, as the product's periodicity asks",
        )
        parser.add_argument("--file", required=True, type=Path, metavar="PATH", help="the file to publish")
        parser.add_argument(
            "--at", metavar="TIME", help="publish later: an ISO 8601 date and time (local without a zone)"
        )
        parser.add_argument("--dry-run", action="store_true", help="check everything, publish nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._publish(options)
        except ActionError as refused:
            raise CommandError(str(refused.message), returncode=2) from refused
        except (OSError, DatabaseError, InterfaceError) as problem:
            if is_unavailable(problem):
                # Another code than for what is refused for good: a script may try this again.
                raise CommandError(f"nothing can be stored: {problem}", returncode=3) from problem
            if not isinstance(problem, OSError):
                raise
            raise CommandError(f"{options['file']}: {problem.strerror or problem}", returncode=2) from problem

    def _publish(self, options: dict[str, Any]) -> None:
        product = _product(options["product"])
        publish_at = _moment(options["at"])
        with options["file"].open("rb") as opened:
            if options["dry_run"]:
                self._rehearse(product, options["period"], options["file"])
                return
            done = publish(
                product,
                period=options["period"],
                upload=File(opened, name=options["file"].name),
                publish_at=publish_at,
                by=Actor.system(gettext_noop("publish command")),
            )
        self._say(done)

    def _say(self, done: Any) -> None:
        publication = done.publication
        if not done.created:
            self.stderr.write(f"already published as version {publication.version}")
        elif publication.embargoed:
            self.stderr.write(f"version {publication.version}, to be published at {publication.publish_at.isoformat()}")
        self.stdout.write(f"publication {publication.uuid} deliveries {done.deliveries}")

    def _rehearse(self, product: Product, period: str, path: Path) -> None:
        parsed = parse_period(period, product.periodicity, product.week_starts_on)
        if not path.stat().st_size:
            raise CommandError("The file is empty.", returncode=2)
        told = webhooks_told_of(product).count()
        self.stdout.write(f"dry run: {product.code} {parsed.text} would be published and tell {told} webhooks")


def _product(code: str) -> Product:
    try:
        return Product.objects.select_related("process__macro_process").get(code=code)
    except Product.DoesNotExist:
        raise CommandError(f"there is no product with the code {code}", returncode=2) from None


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"--at wants an ISO 8601 date and time, not {text}", returncode=2)
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
