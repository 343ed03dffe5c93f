import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from access import audit
from access.actors import Actor
from access.models import User
from access.person_data import collect_person_data


class Command(BaseCommand):
    help = (
        "Write everything that is kept of one person to standard output, as JSON: their row, memberships, sessions, "
        "second factors, and what the audit trail says of them. That it was asked for is recorded."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *, email: str, **options: Any) -> None:
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            raise CommandError("there is nobody with this address", returncode=2)
        with transaction.atomic():
            audit.record(by=Actor.system("export_person command"), action="access.user.exported", obj=user)
        data = collect_person_data(user)
        self.stdout.write(json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
