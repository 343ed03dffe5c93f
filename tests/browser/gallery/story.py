"""The participant of the pictures: webhooks in every state, with what was sent to them in the last fourteen days.

Rows are written as the dispatcher leaves them, so that every page has all that it can show. Names and addresses are
invented.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from django.utils import timezone

from access.models import UserSession
from catalog.demo import build_publications, create_catalogue
from connections.models import Connection, ConnectionRun, KeyPair
from dispatch.actions import subject_of
from dispatch.models import Delivery, Event, Lane, ProductStatus, SendBatch, WebhookDay
from tests.certificates import self_signed
from tests.factories import (
    make_attempt,
    make_connection,
    make_delivery,
    make_event,
    make_key_pair,
    make_publication,
    make_webhook,
)
from tests.people import Person
from webhooks.models import Webhook

TIMING = {"dns": 11.0, "connect": 23.0, "tls": 31.0, "first_byte": 320.0, "total": 391.0}
SENT = [
    ["Content-Type", "application/json"],
    ["Authorization", "Bearer ••••••••••••"],
    ["X-Origem", "meridiano"],
    ["webhook-signature", "v1,mQ9cT4hLw2ZkN0sVr9f2aYp1uXe7GdB5"],
]
REFUSED = [
    ["Content-Type", "application/json"],
    ["WWW-Authenticate", 'Bearer error="invalid_token", error_description="invalid audience"'],
]
WORDS_OF_BODY = ("DataProduto", "MacroProcesso", "Nome", "Periodicidade", "PeriodicidadeFinal", "Processo")
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
]


@dataclass
class Story:
    """What the pages are about. `deliveries` and `webhooks` by a word for their state."""

    products: dict[str, Any]
    webhooks: dict[str, Any] = field(default_factory=dict)
    deliveries: dict[str, Any] = field(default_factory=dict)
    connections: dict[str, Any] = field(default_factory=dict)
    key_pairs: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)
    batch: Any = None


def tell_story(owner: Person) -> Story:
    """Write everything for the owner's participant."""
    products = create_catalogue()
    for each in build_publications(timezone.localdate()):
        product = products[each.product_code]
        made = make_publication(product, period=each.period, content=each.content, file_name=each.file_name)
        _publish_at(made)
        made.refresh_from_db()
        make_event(publication=made, occurred_at=made.published_at)
    story = Story(products)
    _add_connections(story, owner)
    _add_webhooks(story, owner)
    _open_lanes(story)
    _tell_of_last_week(story)
    _tell_of_the_stop(story)
    _tell_of_today(story)
    _add_batch(story, owner)
    _sign(owner)
    return story


def _sign(owner: Person) -> None:
    """Everything is the owner's own work, who is signed in on a telephone too."""
    for model in (Webhook, Connection, KeyPair):
        model.objects.filter(participant=owner.participant).update(created_by="Marina Teixeira")
    here = UserSession.objects.filter(user=owner.user).first()
    if here is not None:
        UserSession.objects.filter(pk=here.pk).update(user_agent=AGENTS[0])
        UserSession.objects.create(
            user=owner.user,
            key_digest="0" * 64,
            auth_digest=here.auth_digest,
            user_agent=AGENTS[1],
            address="203.0.113.9",
            expires_at=here.expires_at,
        )


def _publish_at(publication: Any) -> None:
    """At a time of its own on a day of its own, as if it had come out when it was due."""
    minute = 120 + int(publication.sha256[:4], 16) % 480
    days = (timezone.localdate() - min(publication.period_start, timezone.localdate())).days
    at = timezone.now() - timedelta(days=days, minutes=minute)
    type(publication).objects.filter(pk=publication.pk).update(published_at=at)


def _add_connections(story: Story, owner: Person) -> None:
    ours = {"participant": owner.participant}
    soon = self_signed("api.ventoalto.example", kind="EC", valid_for=timedelta(days=12))
    late = self_signed("notifica.ventoalto.example", kind="EC", valid_for=timedelta(days=500))
    story.key_pairs["soon"] = make_key_pair(soon, name="Certificado da API", **ours)
    story.key_pairs["fine"] = make_key_pair(late, name="Certificado de notificação", **ours)
    url = "https://auth.ventoalto.example/oauth2/token"
    make = story.connections
    make["oauth2"] = make_connection(name="Servidor de autorização", token_url=url, **ours)
    make["btg_id"] = make_connection(name="BTG Id", kind="btg_id", token_url="https://id.btg.example/token", **ours)
    make["jwt_7523"] = make_connection(
        name="Token da contabilização", kind="jwt_7523", token_url=url, key_pair=story.key_pairs["soon"], **ours
    )
    make["jwt_7519"] = make_connection(name="Usuário e senha", kind="jwt_7519", token_url=url, **ours)
    now = timezone.now()
    # Nobody changed it since the run.
    Connection.objects.filter(pk=make["oauth2"].pk).update(updated_at=now - timedelta(days=9))
    run = {"connection": make["oauth2"], "by": "Marina Teixeira", "purge_at": now + timedelta(hours=20)}
    run |= {"at": now - timedelta(minutes=4), "finished_at": now - timedelta(minutes=4)}
    story.runs["refused"] = ConnectionRun.objects.create(**run, diagnosis="token_invalid_client", response_status=401)


def _add_webhooks(story: Story, owner: Person) -> None:
    host = "https://fin.ventoalto.example"
    chosen = {
        "failing": ("Contabilização e preços", f"{host}/api/v2/notificacoes/contabilizacao", 7, 12),
        "stopped": ("Mesa de operação", "https://mesa.ventoalto.example/gancho/alertas", 0, 2),
        "healthy": ("Programação diária", "https://integra.ventoalto.example/programacao", 0, 7),
        "waiting": ("Medição verificada (BI)", "https://bi.ventoalto.example:8443/ingest/medicao", 12, 13),
        "inactive": ("Leitura de arquivos (teste)", "https://hml.ventoalto.example/recebe-notificacao", 0, 1),
    }
    products = list(story.products.values())
    secret: dict[str, Any] = {"auth_method": "secret", "auth_secrets": {"secret": "a-token-of-the-receiver"}}
    shared: dict[str, Any] = {
        "auth_method": "oauth2",
        "auth_settings": {"connection": str(story.connections["oauth2"].uuid)},
    }
    shared |= {"rate_limit_count": 20, "rate_limit_period_seconds": 60}
    for name, (description, address, first, last) in chosen.items():
        values: dict[str, Any] = {"description": description, "request_uri": address, "products": products[first:last]}
        values |= shared if name == "failing" else secret
        story.webhooks[name] = make_webhook(participant=owner.participant, **values)
    story.webhooks["inactive"].active = False
    story.webhooks["inactive"].save(update_fields=["active"])


def _open_lanes(story: Story) -> None:
    """What is known of each webhook as a whole, and its fourteen days."""
    failing, stopped, healthy = (story.webhooks[name] for name in ("failing", "stopped", "healthy"))
    now, stopped_at = timezone.now(), _newest(story, "RESTRICOES-DIA").published_at + timedelta(seconds=2)
    day_ago = now - timedelta(days=1)
    _open_lane(failing, failures_in_row=6, failing_since=now - timedelta(hours=20), last_success_at=day_ago)
    _draw(failing, delivered=(24, 25, 9, 8, 26, 25, 25, 27, 25, 9, 8, 25, 14, 0), failed={7: 1, 12: 6, 13: 7})
    _open_lane(stopped, failures_in_row=1, failing_since=stopped_at, last_success_at=stopped_at - timedelta(hours=4))
    _draw(stopped, delivered=(9, 8, 0, 0, 12, 9, 10, 9, 8, 9, 3, 8, 9, 0), failed={13: 1})
    Webhook.objects.filter(pk=stopped.pk).update(stopped_at=stopped_at, stopped_reason="gone")
    _open_lane(healthy, last_success_at=now - timedelta(minutes=87))
    _draw(healthy, delivered=(19, 20, 9, 8, 20, 21, 20, 21, 19, 8, 9, 22, 21, 18), failed={5: 1})


def _tell_of_last_week(story: Story) -> None:
    """In the order of time: the list of notifications is the newest first by that."""
    failing = story.webhooks["failing"]
    _succeed(story, failing, "GARANTIAS", version=-2)
    exhausted = _deliver(story, failing, "AJUSTES", at=timezone.now() - timedelta(hours=20))
    for number in range(5):
        _refuse(exhausted, at=exhausted.created_at + timedelta(minutes=5 * number))
    end = exhausted.created_at + timedelta(minutes=20)
    ended = {"finished_at": end, "last_attempt_at": end, "due_at": None}
    made = {"counted_attempts": 5, "attempts_made": 5, "last_status": 401, "last_diagnosis": "unauthorized_oauth2"}
    _keep(exhausted, state="failed", reason="exhausted", **ended, **made)
    story.deliveries["failed"] = exhausted


def _tell_of_the_stop(story: Story) -> None:
    webhook = story.webhooks["stopped"]
    refused = _deliver(story, webhook, "RESTRICOES-DIA")
    at = refused.created_at
    make_attempt(refused, **_answer(refused, 410, at), diagnosis="gone", url=webhook.request_uri)
    _keep(refused, state="failed", reason="gone", counted_attempts=1, attempts_made=1, due_at=None, last_status=410,
          last_diagnosis="gone", finished_at=at, last_attempt_at=at)  # fmt: skip
    published = _newest(story, "PROGRAMA-DIARIO").published_at
    held = _deliver(story, webhook, "PROGRAMA-DIARIO", at=max(published, at) + timedelta(minutes=1))
    _keep(held, state="held", reason="webhook_stopped", due_at=None)
    story.deliveries["held"] = held


def _tell_of_today(story: Story) -> None:
    failing, healthy, now = story.webhooks["failing"], story.webhooks["healthy"], timezone.now()
    for code in ("PROGRAMA-DIARIO", "RESTRICOES-DIA", "PREVISAO-CARGA", "NIVEIS-RESERVATORIOS"):
        story.deliveries["delivered"] = _succeed(story, healthy, code, at=now - timedelta(minutes=87))
    for code, name, tries in (("PRECOS-HORARIOS", "retrying", 3), ("CONTABILIZACAO", "again", 2)):
        delivery = _deliver(story, failing, code, at=now - timedelta(minutes=2 + 5 * (tries - 1)))
        for number in range(tries):
            _refuse(delivery, at=delivery.created_at + timedelta(minutes=5 * number))
        _keep(delivery, counted_attempts=tries, attempts_made=tries, due_at=now + timedelta(minutes=3), last_status=401,
              last_diagnosis="unauthorized_oauth2", last_attempt_at=now - timedelta(minutes=2))  # fmt: skip
        story.deliveries[name] = delivery
    story.deliveries["on the way"] = _deliver(story, healthy, "VAZOES-BACIA", at=now)


def _add_batch(story: Story, owner: Person) -> None:
    webhook, now = story.webhooks["healthy"], timezone.now()
    values = {"kind": "enviar_tudo", "by": owner.user, "by_label": "Marina Teixeira", "written_at": now}
    left_out = [[subject_of(story.products["INTERCAMBIOS"]), "never_published"]]
    story.batch = SendBatch.objects.create(webhook=webhook, wanted=3, created=3, left_out=left_out, **values)
    Delivery.objects.filter(webhook=webhook, state="delivered").update(batch=story.batch, cause="enviar_tudo")


def _deliver(story: Story, webhook: Any, code: str, *, version: int = -1, at: datetime | None = None) -> Any:
    """A notification of a version of a product (the newest: -1), with the status that pages read. It was made when the
    version came out, or when somebody pressed Enviar."""
    product = story.products[code]
    publication = product.publications.newest_first()[-1 - version]
    at = at or publication.published_at + timedelta(seconds=2)
    event = Event.objects.get(publication=publication)
    payload = json.loads(event.payload)
    body = json.dumps({word: payload[word] for word in WORDS_OF_BODY}, ensure_ascii=False).encode()
    delivery = make_delivery(webhook=webhook, event=event, created_at=at, created_by="Operador Meridiano", body=body,
                             body_format="documented", content_type="application/json")  # fmt: skip
    ProductStatus.objects.create(webhook=webhook, product=product, delivery=delivery, state="waiting", changed_at=at)
    return delivery


def _newest(story: Story, code: str) -> Any:
    return story.products[code].publications.newest_first()[0]


def _succeed(story: Story, webhook: Any, code: str, **chosen: Any) -> Any:
    delivery = _deliver(story, webhook, code, **chosen)
    at = delivery.created_at
    make_attempt(delivery, **_answer(delivery, 204, at), succeeded=True, url=webhook.request_uri)
    _keep(delivery, state="delivered", counted_attempts=1, attempts_made=1, due_at=None, last_status=204,
          finished_at=at, last_attempt_at=at)  # fmt: skip
    return delivery


def _refuse(delivery: Any, *, at: datetime) -> None:
    answer = _answer(delivery, 401, at) | {"response_body": '{"erro":"token","detalhe":"audience"}'}
    answer["response_headers"] += REFUSED
    make_attempt(delivery, **answer, diagnosis="unauthorized_oauth2", url=delivery.webhook.request_uri)


def _answer(delivery: Any, status: int, at: datetime) -> dict[str, Any]:
    """An attempt's times, and both sides' headers: the webhook-id is the delivery's own."""
    sent = [*SENT, ["webhook-id", str(delivery)], ["webhook-timestamp", str(int(at.timestamp()))]]
    values = {"status": status, "slot_at": at, "finished_at": at, "duration_ms": 391, "timing": TIMING}
    return values | {"request_headers": sent, "response_headers": [["Date", format_datetime(at.astimezone(UTC), True)]]}


def _keep(delivery: Any, **values: Any) -> None:
    """Change the delivery past the actions, and its product's status with it."""
    Delivery.objects.filter(pk=delivery.pk).update(**values)
    delivery.refresh_from_db()
    failed = delivery.counted_attempts - (delivery.state == "delivered")
    ProductStatus.objects.filter(delivery=delivery).update(
        state=delivery.state, failed_attempts=failed, changed_at=delivery.last_attempt_at or delivery.created_at
    )


def _open_lane(webhook: Any, **values: Any) -> None:
    Lane.objects.update_or_create(webhook=webhook, defaults=values)


def _draw(webhook: Any, *, delivered: tuple[int, ...], failed: dict[int, int]) -> None:
    """The fourteen days of a sparkline, the last one today; `failed` by the place of the day."""
    first = timezone.localdate() - timedelta(days=len(delivered) - 1)
    WebhookDay.objects.bulk_create(
        WebhookDay(webhook=webhook, day=first + timedelta(days=place), delivered=count, failed=failed.get(place, 0))
        for place, count in enumerate(delivered)
    )
