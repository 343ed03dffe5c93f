"""seed_load: webhooks by the thousand, each as create_webhook would have left it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from access import cnpj
from access.models import AuditEntry, Participant
from catalog.models import Product
from dispatch.dispatcher import Dispatcher
from dispatch.models import Delivery, Lane, State
from tests.factories import make_participant, make_product, make_webhook
from webhooks.models import Webhook, WebhookVersion
from webhooks.versions import describe, record_version

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback")]

URL = "http://127.0.0.1:18083/hook/{n}"


def seed(count: int, product: Any, url: str = URL, **options: Any) -> None:
    call_command("seed_load", webhooks=count, url=url, product=getattr(product, "code", product), **options)


def test_one_seeded_differs_from_one_created_only_in_what_is_each_ones_own() -> None:
    product = make_product()
    seed(3, product)
    seeded = Webhook.objects.select_related("current_version").order_by("pk")[1]
    created = make_webhook(
        description=seeded.description,
        request_uri=seeded.request_uri,
        products=[product],
        participant=make_participant(),
    )
    own = {"id", "uuid", "participant", "signing_secret", "signing_secret_version", "signing_secret_set_at"}
    own |= {"current_version", "created_at", "created_by", "updated_at"}
    names = [field.name for field in Webhook._meta.concrete_fields if field.name not in own]
    assert {name: getattr(seeded, name) for name in names} == {name: getattr(created, name) for name in names}
    assert describe(seeded) == describe(created) == seeded.current_version.settings
    assert seeded.ready
    assert seeded.signing_secret_set_at is not None


def test_the_first_version_is_the_one_in_force() -> None:
    seed(3, make_product())
    for webhook in Webhook.objects.select_related("current_version"):
        assert (webhook.current_version.webhook, webhook.current_version.number) == (webhook, 1)
        # Nothing differs from it: a save that changes nothing makes no second one.
        assert record_version(webhook, by="somebody") is None


def test_each_has_a_signing_secret_of_its_own_sealed() -> None:
    seed(3, make_product())
    rows = list(Webhook.objects.all())
    assert len({row.signing_secret for row in rows}) == 3
    assert all(row.signing_secret.startswith("whsec_") for row in rows)
    assert all(row.signing_secret not in row.signing_secret_sealed.ciphertext for row in rows)


def test_their_number_is_in_their_address_and_a_hundred_belong_to_one_participant() -> None:
    seed(101, make_product())
    rows = list(Webhook.objects.select_related("participant").order_by("pk"))
    assert [row.request_uri for row in rows] == [URL.replace("{n}", str(n)) for n in range(1, 102)]
    assert [row.participant.name for row in rows] == ["Load test participant 1"] * 100 + ["Load test participant 2"]
    assert "Load test" in rows[0].description
    assert all(cnpj.validate(owner.cnpj) for owner in Participant.objects.all())


def test_run_again_it_makes_nothing_and_a_larger_number_adds() -> None:
    product = make_product()
    seed(3, product)
    before = list(Webhook.objects.order_by("pk").values_list("pk", "uuid"))
    seed(3, product)
    assert list(Webhook.objects.order_by("pk").values_list("pk", "uuid")) == before
    seed(5, product)
    assert list(Webhook.objects.order_by("pk").values_list("pk", "uuid"))[:3] == before
    assert (Webhook.objects.count(), WebhookVersion.objects.count(), Lane.objects.count()) == (5, 5, 5)


def test_a_run_that_was_cut_off_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.load.CHUNK", 2)
    product = make_product()
    whole = Lane.objects.bulk_create
    monkeypatch.setattr(Lane.objects, "bulk_create", lambda rows, **how: _fail_from(3, list(rows), how, whole))
    with pytest.raises(RuntimeError):
        seed(5, product)
    assert Webhook.objects.count() == 2
    monkeypatch.undo()
    seed(5, product)
    assert (Webhook.objects.count(), Lane.objects.count()) == (5, 5)


def _fail_from(number: int, rows: list[Any], how: Any, go_on: Callable[..., Any]) -> Any:
    if rows[0].webhook.request_uri.endswith(f"/{number}"):
        raise RuntimeError("cut off")
    return go_on(rows, **how)


def test_two_products_have_webhooks_of_their_own_at_the_same_participants() -> None:
    first, second = make_product(), make_product()
    seed(2, first)
    seed(2, second)
    assert (Webhook.objects.count(), Participant.objects.count()) == (4, 1)


def test_a_publication_reaches_every_one_of_them(receiver: Any, tmp_path: Path) -> None:
    product = make_product()
    seed(7, product, receiver.url("/hook/{n}"))
    path = tmp_path / "data.csv"
    path.write_bytes(b"a;b\n")
    call_command("publish", product=product.code, period="2026-08-01", file=path)
    dispatcher, deadline = Dispatcher(), time.monotonic() + 20
    dispatcher.run(until=lambda: not Delivery.objects.open().exists() or time.monotonic() > deadline)
    assert sorted(request.path for request in receiver.requests()) == [f"/hook/{n}" for n in range(1, 8)]
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.DELIVERED}


def test_it_is_on_record() -> None:
    seed(3, make_product())
    entry = AuditEntry.objects.get(action="webhooks.load.seeded")
    assert (entry.actor_label, entry.after["webhooks"]) == ("seed_load", 3)


def test_a_dry_run_makes_nothing(capsys: Any) -> None:
    seed(3, "NEW", dry_run=True, create_product=True)
    assert not Product.objects.exists()
    assert not Webhook.objects.exists()
    assert "0 webhooks are there, 3 would be made" in capsys.readouterr().out


def test_a_product_that_is_not_there_is_made_on_demand_only() -> None:
    with pytest.raises(CommandError, match="--create-product"):
        seed(1, "NEW")
    assert not Product.objects.exists()
    seed(1, "NEW", create_product=True)
    seed(2, "NEW", create_product=True)
    assert (Product.objects.get().code, Webhook.objects.count()) == ("NEW", 2)


def test_refused_in_production(settings: Any) -> None:
    product = make_product()
    settings.PORTAL_ENVIRONMENT = "production"
    with pytest.raises(CommandError, match="production") as refused:
        seed(1, product)
    assert refused.value.returncode == 2
    assert not Webhook.objects.exists()


def test_refused_for_a_product_that_they_could_not_hear_of() -> None:
    granted = make_product(granted_to=[make_participant()])
    inactive = make_product(active=False)
    for product in (granted, inactive):
        with pytest.raises(CommandError, match="granted participants only"):
            seed(1, product)
    assert not Webhook.objects.exists()


def test_refused_with_another_address_than_before() -> None:
    product = make_product()
    seed(2, product)
    with pytest.raises(CommandError, match="give the same --url"):
        seed(3, product, "http://127.0.0.1:18084/{n}")
    assert Webhook.objects.count() == 2


def test_refused_where_the_address_may_not_be_called(settings: Any) -> None:
    settings.PORTAL_OUTBOUND_ALLOW_LOOPBACK = False
    with pytest.raises(CommandError, match="PORTAL_OUTBOUND_ALLOW"):
        seed(1, make_product())
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("number", ["0", "-1", "x", "1000001"])
def test_refused_with_a_number_that_makes_no_sense(number: str) -> None:
    with pytest.raises(CommandError, match="from 1 to"):
        call_command("seed_load", "--webhooks", number, "--url", URL, "--product", "X")
