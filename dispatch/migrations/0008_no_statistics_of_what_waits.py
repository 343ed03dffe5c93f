from django.db import migrations

COLUMNS = ("state", "due_at", "urgent", "lease_token")


def forget(apps, schema_editor):
    # Statistics made while nothing waits say that the indexes of what waits are empty, and the planner then reads the
    # whole backlog for each webhook. Without any it takes its usual guess, and each claim the index that was made for it.
    set_statistics(schema_editor, 0)


def remember(apps, schema_editor):
    set_statistics(schema_editor, -1)


def set_statistics(schema_editor, target):
    if schema_editor.connection.vendor == "postgresql":
        changes = ", ".join(f"ALTER COLUMN {column} SET STATISTICS {target}" for column in COLUMNS)
        schema_editor.execute(f"ALTER TABLE dispatch_delivery {changes}")


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0007_failed_events_have_their_index")]

    operations = [migrations.RunPython(forget, remember)]
