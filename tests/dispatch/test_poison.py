"""One bad row, result, publication or request costs itself only (safety.md, fault 17)."""

import pytest
from django.db import DataError
from django.utils import timezone

from access.actors import Actor
from dispatch import actions, dispatcher, leasing, records
from dispatch.claims import claim_due
from dispatch.models import Attempt, Delivery
from dispatch.records import Finished
from outbound.transfer import Result
from tests.factories import make_delivery, make_product, make_publication, make_webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def break_for(monkeypatch, module, name, bad, error=RuntimeError):
    """Make a function raise when `bad(first argument)` says so."""
    honest = getattr(module, name)

    def broken(first, *values, **options):
        if bad(first):
            raise error("poison")
        return honest(first, *values, **options)

    monkeypatch.setattr(module, name, broken)


@pytest.mark.parametrize("error", [RuntimeError, DataError])
def test_a_row_that_breaks_its_claim_is_set_aside_and_the_others_are_claimed(db, monkeypatch, error):
    poison, *good = [make_delivery() for _ in range(4)]
    break_for(monkeypatch, leasing, "_values", lambda row: row.id == poison.pk, error)
    taken = claim_due(10)
    assert {row.delivery_id for row in taken.rows} == {row.pk for row in good}
    poison.refresh_from_db()
    assert (poison.state, poison.lease_token, poison.attempts_made) == ("waiting", None, 0)
    assert poison.due_at > timezone.now()
    assert claim_due(10).rows == []
    assert Attempt.objects.count() == 3


@pytest.mark.parametrize("error", [RuntimeError, DataError])
def test_a_result_that_can_not_be_written_at_all_keeps_no_other_back(dispatcher, monkeypatch, error):
    for _ in range(3):
        make_delivery()
    bad, *good = claim_due(10).rows
    break_for(monkeypatch, records, "_judge", lambda done: done.claimed == bad, error)
    dispatcher.done = [Finished(claimed, Result(status=200), []) for claimed in (bad, *good)]
    dispatcher._record()
    assert dispatcher.done == []
    assert Delivery.objects.filter(state="delivered").count() == 2
    assert Delivery.objects.get(pk=bad.delivery_id).lease_token == bad.lease_token


def test_a_request_that_can_not_be_built_ends_as_an_attempt_and_not_the_process(
    webhook, product, receiver, work, monkeypatch
):
    bad = make_webhook(request_uri=receiver.url("/bad"), products=[product], max_attempts=1)
    actions.announce(make_publication(product), by=BY)
    break_for(monkeypatch, dispatcher, "build_request", lambda plan: plan.webhook_id == bad.pk)
    work()
    assert [request.path for request in receiver.wait_for(1)] == ["/hook"]
    ended = Delivery.objects.get(webhook=bad)
    assert (ended.state, ended.reason, ended.last_diagnosis) == ("failed", "exhausted", "transfer_failed")


@pytest.mark.parametrize("error", [RuntimeError, DataError])
def test_a_publication_that_can_not_be_announced_keeps_no_other_back(db, monkeypatch, error):
    now, product = timezone.now(), make_product()
    make_webhook(products=[product])
    poison, good = (make_publication(product, published_at=None, publish_at=now) for _ in range(2))
    break_for(monkeypatch, actions, "publication_payload", lambda publication: publication.pk == poison.pk, error)
    assert actions.release_due_publications(now=now) == 1
    assert Delivery.objects.get().event.publication == good
    poison.refresh_from_db()
    assert poison.published_at is None
