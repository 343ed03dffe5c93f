import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models

from access.audit_triggers import FIRST_TABLES, TABLES, create_triggers, drop_triggers


def create(apps, schema_editor):
    drop_triggers(schema_editor.connection, FIRST_TABLES)
    create_triggers(schema_editor.connection, TABLES)


def drop(apps, schema_editor):
    drop_triggers(schema_editor.connection, TABLES)
    create_triggers(schema_editor.connection, FIRST_TABLES)


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0004_second_factors"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="identifier")),
                ("requested_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="requested at")),
                ("requested_by", models.CharField(max_length=200, verbose_name="requested by")),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("removed", models.JSONField(default=dict, verbose_name="removed")),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished at")),
                (
                    "participant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="erasure",
                        to="access.participant",
                        verbose_name="participant",
                    ),
                ),
            ],
            options={
                "verbose_name": "erasure",
                "verbose_name_plural": "erasures",
                "permissions": [("erase_participant", "Can erase a participant")],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="AuditRedaction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("redacted_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="time")),
                ("key_id", models.CharField(max_length=32, verbose_name="key")),
                ("mac", models.CharField(max_length=64, verbose_name="authentication code")),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redaction",
                        to="access.auditentry",
                        verbose_name="audit entry",
                    ),
                ),
                (
                    "erasure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.erasure",
                        verbose_name="erasure",
                    ),
                ),
            ],
            options={
                "verbose_name": "emptied audit entry",
                "verbose_name_plural": "emptied audit entries",
            },
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="erasure_with_reason"
            ),
        ),
        migrations.AlterModelOptions(
            name="auditentry",
            options={
                "ordering": ("-pk",),
                "permissions": [("export_auditentry", "Can export the audit trail")],
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit entries",
            },
        ),
        migrations.RunPython(create, drop),
    ]
