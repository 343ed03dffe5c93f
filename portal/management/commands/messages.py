from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from portal.catalogues import build_mo, extract, merge, read_po, write_po
from portal.environment import BASE_DIR

FOLDERS = (
    "access",
    "catalog",
    "connections",
    "dispatch",
    "notices",
    "outbound",
    "portal",
    "templates",
    "vault",
    "webhooks",
)


class Command(BaseCommand):
    help = "Bring the translation files up to date with the code, and their .mo files with them. Needs no gettext."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--compile-only", action="store_true", help="leave the .po files as they are")

    def handle(self, *args: Any, **options: Any) -> None:
        found = extract(BASE_DIR, FOLDERS)
        for path in sorted(settings.LOCALE_PATHS[0].glob("*/LC_MESSAGES/django.po")):
            catalogue = read_po(path.read_text())
            if not options["compile_only"]:
                catalogue = merge(catalogue, found, source_language=path.parts[-3] == "en")
                path.write_text(write_po(catalogue))
            path.with_suffix(".mo").write_bytes(build_mo(catalogue))
            missing = sum(not message.complete for message in catalogue.values())
            self.stdout.write(f"{path.relative_to(BASE_DIR)}: {len(catalogue) - 1} texts, {missing} to translate")
