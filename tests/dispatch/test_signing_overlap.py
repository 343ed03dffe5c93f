"""After a rotation both secrets sign, until the overlap ends or is ended: judged by the reference library."""

from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from access.actors import Actor
from tests.factories import make_delivery
from webhooks.actions import end_signing_overlap, reveal_signing_secret, rotate_signing_secret

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def verifies(secret: str, request: Any) -> bool:
    try:
        Verifier(secret).verify(request.body, dict(request.headers))
    except WebhookVerificationError:
        return False
    return True


def test_both_secrets_sign_during_the_overlap_and_one_once_it_was_ended(
    webhook: Any, receiver: Any, work: Callable[[], None]
) -> None:
    """By the same dispatcher, which keeps what it knows of a webhook."""
    old = reveal_signing_secret(webhook, by=BY)
    make_delivery(webhook=webhook)
    work()
    new = rotate_signing_secret(webhook, by=BY).signing_secret
    make_delivery(webhook=webhook)
    work()
    end_signing_overlap(webhook, by=BY)
    make_delivery(webhook=webhook)
    work()
    before, during, after = receiver.wait_for(3, path="/hook")
    assert [(verifies(old, each), verifies(new, each)) for each in (before, during, after)] == [
        (True, False),
        (True, True),
        (False, True),
    ]
    assert len(during.header("webhook-signature").split()) == 2
    assert len(after.header("webhook-signature").split()) == 1
