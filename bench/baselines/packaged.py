"""django-webhook: a row is saved, its signal queues a task for each webhook of the topic."""

from django_webhook.models import Webhook, WebhookSecret, WebhookTopic

from bench.baselines.models import Announcement
from bench.baselines.signing import PAYLOAD

TOPIC = "baselines.Announcement/create"


def publish() -> int:
    """Save one row, as an application would; return how many webhooks hear of it."""
    names = ("product", "process", "period", "url")
    Announcement.objects.create(**{name: PAYLOAD[name] for name in names})
    return Webhook.objects.filter(active=True, topics__name=TOPIC).count()


def subscribe(urls: list[str]) -> None:
    topic, _ = WebhookTopic.objects.get_or_create(name=TOPIC)
    for number, url in enumerate(urls):
        webhook = Webhook.objects.create(url=url)
        webhook.topics.add(topic)
        WebhookSecret.objects.create(webhook=webhook, token=f"a-secret-of-a-webhook-{number:08d}")
