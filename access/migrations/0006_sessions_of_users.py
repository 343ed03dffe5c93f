
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0005_erasures_and_emptied_entries"),
    ]

    operations = [
        migrations.CreateModel(
            name="UserSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="identifier")),
                ("key_digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("auth_digest", models.CharField(editable=False, max_length=64)),
                ("user_agent", models.CharField(blank=True, max_length=300, verbose_name="browser")),
                ("address", models.CharField(blank=True, max_length=64, verbose_name="address")),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="since")),
                ("last_seen_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="last seen")),
                ("expires_at", models.DateTimeField(verbose_name="ends at the latest")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended at")),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "ordering": ("-last_seen_at", "-pk"),
                "permissions": [("end_usersession", "Can end the sessions of users")],
                "indexes": [
                    models.Index(fields=["user", "last_seen_at"], name="session_of_user"),
                    models.Index(fields=["expires_at"], name="session_expires"),
                    models.Index(fields=["-last_seen_at", "-id"], name="session_last_seen"),
                ],
            },
        ),
    ]
