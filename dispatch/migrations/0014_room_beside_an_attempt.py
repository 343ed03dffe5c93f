from django.db import migrations

# Percent of a page. An attempt is written when it starts and written again, four times as long, when it has ended: with
# room for that on its page no index has to be written a second time, and the table takes half the space.
FILL = 15


def leave_room(apps, schema_editor):
    set_storage(schema_editor, f"SET (fillfactor = {FILL})")


def fill_up(apps, schema_editor):
    set_storage(schema_editor, "RESET (fillfactor)")


def set_storage(schema_editor, words):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE dispatch_attempt {words}")


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0013_failed_of_one_webhook")]

    operations = [migrations.RunPython(leave_room, fill_up)]
