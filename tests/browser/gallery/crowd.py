"""Far more than anybody plans for: two hundred webhooks, names of 80 characters, addresses that fill a line."""

from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from dispatch.models import Delivery, Lane, ProductStatus
from tests.factories import (
    make_attempt,
    make_connection,
    make_delivery,
    make_event,
    make_key_pair,
    make_process,
    make_product,
    make_publication,
    make_webhook,
    make_webhooks,
)
from tests.people import Person
from webhooks.models import Webhook

COUNT = 200
ATTEMPTS = 20
NAME = "Integração da contabilização e dos preços horários com o sistema corporativo BI"
# One word: nothing in it says where a line may break.
WORD = "Recebimento_de_notificacoes_do_ambiente_de_producao_da_filial_de_Barra_Funda_SA"
ADDRESS = (
    "https://integracao-corporativa.filial-barra-funda.ventoalto.example/api/v2/notificacoes/" + "contabilizacao/" * 6
)


def fill(owner: Person) -> dict[str, Any]:
    """Write it all for the owner's participant; return the rows whose pages are shown."""
    process = make_process(name=NAME)
    products = [make_product(name=f"{NAME[:70]} {number}", process=process) for number in range(12)]
    products.append(make_product(name=WORD, process=process))
    publication = make_publication(products[-1], file_name=f"{WORD}.csv")
    make_event(publication=make_publication(products[0]))
    _make_many(owner, products[0])
    first = make_webhook(
        participant=owner.participant,
        description=WORD,
        request_uri=f"{ADDRESS}?canal={WORD}",
        products=products,
        max_attempts=ATTEMPTS,
    )
    delivery = _make_failed(first, publication)
    pair = make_key_pair(participant=owner.participant, name=WORD)
    connection = make_connection(
        participant=owner.participant,
        name=NAME,
        description=f"{NAME}. " * 4,
        token_url=ADDRESS,
        kind="jwt_7523",
        key_pair=pair,
    )
    return {"webhook": first, "delivery": delivery, "connection": connection, "pair": pair, "product": products[-1]}


def crowd_pages(rows: dict[str, Any]) -> dict[str, str]:
    """The address of each page by the name of its picture."""
    pages = {
        name: reverse(route)
        for name, route in {
            "home": "portal:home",
            "webhooks": "webhooks:webhook-list",
            "webhook-new": "webhooks:webhook-create",
            "notifications": "dispatch:delivery-list",
            "publications": "catalog:publication-list",
            "connections": "connections:connection-list",
            "certificates": "connections:key-pair-list",
        }.items()
    }
    routes = {
        "webhook": ("dispatch:webhook-detail", "webhook"),
        "webhook-edit": ("webhooks:webhook-edit", "webhook"),
        "send-all": ("dispatch:batch-send-all", "webhook"),
        "notification": ("dispatch:delivery-detail", "delivery"),
        "product": ("catalog:product-detail", "product"),
        "connection": ("connections:connection-detail", "connection"),
        "connection-edit": ("connections:connection-edit", "connection"),
        "certificate": ("connections:key-pair-detail", "pair"),
    }
    pages |= {name: reverse(route, args=[rows[row].uuid]) for name, (route, row) in routes.items()}
    return {f"overfull-{name}": path for name, path in pages.items()}


def _make_many(owner: Person, product: Any) -> None:
    addresses = [f"{ADDRESS}{number}" for number in range(COUNT)]
    many = make_webhooks(addresses, product=product, participant=owner.participant)
    for number, webhook in enumerate(many):
        webhook.description = f"{NAME[:72]} {number}"
    Webhook.objects.bulk_update(many, ["description"])
    now = timezone.now()
    Lane.objects.bulk_create(
        Lane(
            webhook=webhook,
            failures_in_row=number % 2 * 3,
            failing_since=now if number % 2 else None,
            last_success_at=now,
        )
        for number, webhook in enumerate(many)
        if number % 3
    )


def _make_failed(webhook: Any, publication: Any) -> Any:
    """A notification with as many attempts as there may be, each refused."""
    now = timezone.now()
    first = now - timedelta(minutes=5 * (ATTEMPTS - 1))
    delivery = make_delivery(webhook=webhook, event=make_event(publication=publication), created_at=first)
    for number in range(ATTEMPTS):
        at = first + timedelta(minutes=5 * number)
        values = {"slot_at": at, "finished_at": at, "duration_ms": 30_000, "url": webhook.request_uri}
        make_attempt(delivery, **values, status=503, diagnosis="unavailable")
    Delivery.objects.filter(pk=delivery.pk).update(
        state="failed", reason="exhausted", due_at=None, finished_at=now, last_attempt_at=now,
        last_status=503, last_diagnosis="unavailable", counted_attempts=ATTEMPTS, attempts_made=ATTEMPTS,
    )  # fmt: skip
    delivery.refresh_from_db()
    ProductStatus.objects.create(
        webhook=webhook, product=publication.product, delivery=delivery, state="failed", failed_attempts=ATTEMPTS,
        changed_at=now,
    )  # fmt: skip
    Lane.objects.filter(webhook=webhook).update(failures_in_row=ATTEMPTS, failing_since=first)
    return delivery
