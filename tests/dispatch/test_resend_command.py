"""`manage.py resend`: what cron jobs and shells get, with exit codes (ONS-11, ONS-12, ONS-13)."""

import io

import pytest
from django.core.management import CommandError, call_command

from access.actors import Actor
from access.models import AuditEntry
from dispatch.actions import announce
from dispatch.management.commands import resend
from dispatch.models import Delivery, SendBatch
from tests.factories import make_product, make_publication
from tests.receiver import Answer
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def run(webhook, *words):
    out, err = io.StringIO(), io.StringIO()
    call_command("resend", "--webhook", str(webhook.uuid), *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refused(webhook, *words):
    with pytest.raises(CommandError) as error:
        run(webhook, *words)
    return error.value.returncode, str(error.value)


@pytest.fixture
def told(webhook, product, receiver, work):
    """One product that failed, one delivered, one never published."""
    receiver.answer("/hook", Answer(500))
    announce(make_publication(product), by=BY)
    work()
    receiver.answer("/hook", Answer(200))
    fine, never = make_product(), make_product()
    for each in (fine, never):
        webhook.product_subscriptions.create(product=each)
    announce(make_publication(fine), by=BY)
    work()
    return product, fine, never


def test_all_sends_every_last_version(webhook, told, work, receiver):
    out, _err = run(webhook, "--all")
    batch = SendBatch.objects.get()
    assert out == f"batch {batch.uuid} deliveries 2\n"
    work()
    assert len(receiver.wait_for(4)) == 4
    assert AuditEntry.objects.get(action="dispatch.batch.started").actor_label == "resend command"


def test_pending_sends_what_failed(webhook, told):
    product, _fine, _never = told
    run(webhook, "--pending")
    assert SendBatch.objects.get().deliveries.get().event.publication.product == product


def test_product_sends_one_at_once(webhook, told):
    _product, fine, _never = told
    out, _err = run(webhook, "--product", fine.code)
    made = Delivery.objects.get(cause="enviar")
    assert (out, made.urgent) == (f"delivery {made.uuid}\n", True)
    _out, err = run(webhook, "--product", fine.code)
    assert "under way already" in err


@pytest.mark.parametrize(("flag", "words"), [("--all", "2 to send, 1 stay"), ("--pending", "1 to send, 2 stay")])
def test_a_dry_run_says_what_would_go_and_sends_nothing(webhook, told, flag, words):
    product, fine, never = told
    before = Delivery.objects.count()
    out, _err = run(webhook, flag, "--dry-run")
    assert out.splitlines()[-1] == words
    assert f"goes   {product.code}" in out
    assert f"stays  {never.code}: No version has been published yet" in out
    assert (f"stays  {fine.code}: Its last notification was delivered" in out) == (flag == "--pending")
    assert (Delivery.objects.count(), SendBatch.objects.count()) == (before, 0)


def test_a_dry_run_of_one_product_names_its_version(webhook, told):
    product, _fine, never = told
    before = Delivery.objects.count()
    out, _err = run(webhook, "--product", product.code, "--dry-run")
    assert out == f"goes   {product.code}: {product.publications.get()}\n"
    assert refused(webhook, "--product", never.code, "--dry-run")[0] == 2
    assert Delivery.objects.count() == before


def test_nothing_to_send_is_no_error(webhook):
    out, _err = run(webhook, "--pending")
    assert out == "0 to send, 1 stay\n"


def test_what_is_refused_ends_with_two(webhook, told):
    Webhook.objects.update(active=False)
    for words in (["--all"], ["--pending"], ["--product", told[0].code]):
        code, message = refused(webhook, *words)
        assert (code, message) == (2, "This webhook is inactive. Activate it before sending.")
    assert refused(webhook, "--product", "nonsense")[0] == 2
    assert not SendBatch.objects.exists()


@pytest.mark.parametrize("name", ["nonsense", "6f1e1f7c-8c2f-4d0e-9d57-3a1c7c1f0e11"])
def test_a_webhook_that_is_not_there_ends_with_two(db, name):
    with pytest.raises(CommandError) as error:
        call_command("resend", "--webhook", name, "--all")
    assert error.value.returncode == 2


@pytest.mark.parametrize("words", [[], ["--all", "--pending"], ["--all", "--product", "X"]])
def test_one_of_the_three_is_wanted(webhook, words):
    with pytest.raises(CommandError):
        run(webhook, *words)
    assert not SendBatch.objects.exists()


@pytest.mark.parametrize("words", [["--all"], ["--product"]])
def test_wait_tells_success_from_failure(webhook, told, work, receiver, monkeypatch, words):
    words = [*words, told[0].code] if words == ["--product"] else words
    monkeypatch.setattr(resend.time, "sleep", lambda _seconds: work())
    run(webhook, *words, "--wait")
    receiver.answer("/hook", Answer(500))
    assert refused(webhook, *words, "--wait")[0] == 1


def test_wait_shows_how_far_it_is(webhook, told, work, monkeypatch):
    monkeypatch.setattr(resend.time, "sleep", lambda _seconds: work())
    _out, err = run(webhook, "--all", "--wait")
    assert err.splitlines() == ["0 of 2: 0 delivered, 0 failed", "2 of 2: 2 delivered, 0 failed"]


def test_wait_ends_when_its_time_is_over(webhook, told):
    assert refused(webhook, "--all", "--wait", "--timeout", "0")[0] == 3
    assert Delivery.objects.waiting().filter(cause="enviar_tudo").count() == 2


def test_a_second_call_finds_everything_on_its_way(webhook, told):
    run(webhook, "--all")
    out, _err = run(webhook, "--all")
    assert out == "0 to send, 3 stay\n"
    assert SendBatch.objects.count() == 1
