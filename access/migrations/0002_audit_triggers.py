from django.db import migrations

from access.audit_triggers import FIRST_TABLES, create_triggers, drop_triggers


def create(apps, schema_editor):
    create_triggers(schema_editor.connection, FIRST_TABLES)


def drop(apps, schema_editor):
    drop_triggers(schema_editor.connection, FIRST_TABLES)


class Migration(migrations.Migration):
    dependencies = [("access", "0001_people_and_audit")]

    operations = [migrations.RunPython(create, drop)]
