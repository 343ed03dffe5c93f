from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0010_attempts_by_webhook_and_day")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="repeat_due",
            field=models.BooleanField(db_default=False, default=False, verbose_name="repeated with a fresh token"),
        ),
    ]
