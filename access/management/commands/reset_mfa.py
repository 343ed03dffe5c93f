from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.actors import Actor
from access.errors import ActionError
from access.mfa.actions import reset_mfa
from access.mfa.codes import has_mfa
from access.models import User

BAD_USE = 2


class Command(BaseCommand):
    help = "Take the second factor away from a user who lost it: for the one whom no colleague can help in the admin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the address the user signs in with")
        parser.add_argument("--dry-run", action="store_true", help="say whether there is one, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].lower()).first()
        if user is None:
            raise CommandError(f"there is no user {options['email']}", returncode=BAD_USE)
        if options["dry_run"]:
            self.stdout.write(f"{user.email}: {'has a' if has_mfa(user) else 'no'} second factor")
            return
        try:
            reset_mfa(user, by=Actor.system("reset_mfa command"))
        except ActionError:
            raise CommandError(f"{user.email} has no second factor") from None
        self.stdout.write(f"{user.email}: the second factor is gone, all sessions have ended, and a mail tells of it")
