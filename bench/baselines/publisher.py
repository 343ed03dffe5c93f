"""The application that publishes, in a process of its own: reads commands from its input, answers in JSON.

`prepare`: tables and webhooks. `publish N`: N events. The design is its first argument.
"""

import json
import sys
import time
from importlib import import_module

import django


def main() -> None:
    design, *urls = sys.argv[1:]
    django.setup()
    _prepare(design, urls)
    publish = import_module(f"bench.baselines.{design}").publish
    _say({"ready": True})
    for line in sys.stdin:
        count = int(line)
        begun = time.time()
        _say({"begun": begun, "deliveries": sum(publish() for _ in range(count))})


def _prepare(design: str, urls: list[str]) -> None:
    from django.core.management import call_command

    import bench.baselines.celery_app
    from bench.baselines.models import Webhook

    assert bench.baselines.celery_app.app
    call_command("migrate", run_syncdb=True, verbosity=0)
    if design == "packaged":
        from django_webhook.models import Webhook as PackagedWebhook

        from bench.baselines.packaged import subscribe

        if not PackagedWebhook.objects.exists():
            subscribe(urls)
    elif not Webhook.objects.exists():
        rows = (Webhook(url=url, secret=f"a-secret-of-a-webhook-{number:08d}") for number, url in enumerate(urls))
        Webhook.objects.bulk_create(rows)


def _say(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
