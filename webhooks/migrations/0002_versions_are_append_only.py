"""Refuse UPDATE of a version in the database itself.

DELETE is left to the foreign keys (attempts and current_version PROTECT it). On SQLite a later migration that remakes the
table loses the trigger: it must call `create_trigger` again. A test looks for it.
"""

from django.db import migrations

SQLITE = """
CREATE TRIGGER webhooks_version_append_only BEFORE UPDATE ON webhooks_webhookversion
BEGIN SELECT RAISE(ABORT, 'webhook versions are append-only'); END
"""

POSTGRESQL = """
CREATE FUNCTION webhooks_refuse_version_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'webhook versions are append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER webhooks_version_append_only BEFORE UPDATE ON webhooks_webhookversion
FOR EACH ROW EXECUTE FUNCTION webhooks_refuse_version_update();
"""


def create_trigger(apps, schema_editor):
    schema_editor.execute(SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL, params=None)


def drop_trigger(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER webhooks_version_append_only")
    else:
        schema_editor.execute("DROP TRIGGER webhooks_version_append_only ON webhooks_webhookversion")
        schema_editor.execute("DROP FUNCTION webhooks_refuse_version_update()")


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_webhooks_versions_headers_subscriptions")]
    operations = [migrations.RunPython(create_trigger, drop_trigger)]
