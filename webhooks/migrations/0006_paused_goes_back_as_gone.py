"""The way back for paused webhooks: the version before knows no pause, and its constraint would refuse the row.

Stopped they stay, as gone: that is the stop which nothing probes and nothing ends but a person."""

from typing import Any

from django.db import migrations


def unpause(apps: Any, schema_editor: Any) -> None:
    apps.get_model("webhooks", "Webhook").objects.filter(stopped_reason="paused").update(stopped_reason="gone")


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0005_paused_by_operations")]

    operations = [migrations.RunPython(migrations.RunPython.noop, unpause)]
