from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0006_sessions_of_users"),
    ]

    operations = [
        migrations.AddField(
            model_name="erasure",
            name="people",
            field=models.JSONField(default=list, editable=False),
        ),
    ]
