"""The table of the shared cache, which counts sign-ins. Made even where CACHE_URL names another cache: it may come back."""

from django.core.management import call_command
from django.db import migrations

TABLE = "portal_cache"


def create(apps, schema_editor):
    # Does nothing when the table is there.
    call_command("createcachetable", TABLE, database=schema_editor.connection.alias, verbosity=0)


def drop(apps, schema_editor):
    schema_editor.execute(f"DROP TABLE IF EXISTS {TABLE}")


class Migration(migrations.Migration):
    dependencies = [("access", "0002_audit_triggers")]

    operations = [migrations.RunPython(create, drop)]
