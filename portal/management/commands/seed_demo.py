from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from connections.errors import InvalidConnection
from portal import demo
from webhooks.errors import InvalidWebhook


class Command(BaseCommand):
    help = "Make demo data in an empty database, for development only. Where there is data already, nothing happens."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--receiver", default=settings.PORTAL_DEMO_RECEIVER_URL, help="address of the demo receiver"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not demo.is_allowed():
            raise CommandError("demo data has known passwords: PORTAL_ENVIRONMENT must be development", returncode=2)
        if not demo.is_empty():
            self.stdout.write("There is data already: no demo data made")
            return
        try:
            accounts = demo.make_demo(options["receiver"].rstrip("/"))
        except (InvalidConnection, InvalidWebhook) as error:
            raise CommandError(
                f"the demo receiver may not be called ({error}): start it all with `make run`", returncode=2
            ) from error
        self._keep(accounts)

    def _keep(self, accounts: list[demo.Account]) -> None:
        # The supervisor shows this file at every start; it is there only where the demo data are.
        lines = [f"  {account.email:32} {account.role}" for account in accounts]
        text = "\n".join([f"Demo accounts, all with the password {demo.PASSWORD}", *lines, ""])
        Path(settings.PORTAL_HOME / "demo-accounts.txt").write_text(text)
        self.stdout.write(f"Demo data made: {len(accounts)} accounts")
