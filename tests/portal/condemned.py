"""A participant with everything that an erasure has to find, under names that tell it from all others."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from access.actions import request_erasure
from access.actors import Actor
from access.audit import record
from access.models import Erasure, Membership, Participant, User, UserSession
from catalog.models import ProductGrant
from connections.models import CachedToken, ConnectionRun
from dispatch.models import ProductStatus, SendBatch, WebhookDay
from notices.actions import Draft, post_notice
from portal import erasing
from tests.canary import Search
from tests.certificates import self_signed
from tests.factories import (
    make_attempt,
    make_connection,
    make_delivery,
    make_event,
    make_key_pair,
    make_product,
    make_user,
    make_webhook,
)
from tests.people import Person, make_owner
from webhooks.models import Webhook, WebhookTest
from webhooks.values import HeaderValues

STAFF = Actor.system("operations")
# In every text that tells of the participant or its people; the search leaves letters' case alone.
MARK = "zorgon"
ADDRESS = "203.0.113.77"


def configure(participant: Participant, actor: Actor) -> Webhook:
    """A webhook with everything that can hang on it, under marked names."""
    product = make_product(granted_to=[participant])
    key_pair = make_key_pair(self_signed(f"{MARK}.example", kind="EC"), participant=participant, name=f"{MARK} key")
    shared = make_connection(participant=participant, name=f"{MARK} login", token_url=f"https://{MARK}.example/token")
    values: dict[str, Any] = {
        "description": f"{MARK} webhook",
        "request_uri": f"https://{MARK}.example/in?key={MARK}-key",
        "headers": (HeaderValues("X-One", f"{MARK} header", secret=False), HeaderValues("X-Two", f"{MARK} secret")),
    }
    webhook = make_webhook(participant=participant, products=[product], **values)
    now = timezone.now()
    token = {"connection": shared, "credential_version": shared.credential_version}
    cached = CachedToken(key=uuid4().hex, obtained_at=now, refresh_at=now, failure_detail=f"{MARK} said no", **token)
    cached.token = f"{MARK} token"
    cached.save()
    ConnectionRun.objects.create(connection=shared, by=f"{MARK} person", at=now, purge_at=now)
    WebhookTest.objects.create(participant=participant, webhook=webhook, by=f"{MARK} person", at=now)
    WebhookTest.objects.create(participant=participant, by=f"{MARK} person", at=now, exchange={"of": MARK})
    with transaction.atomic():
        post_notice(Draft("webhook_stopped", uuid4().hex, participant.pk, f"{MARK} webhook", values={"webhook": MARK}))
        key = f"key_pair_expiring:{key_pair.uuid}:{key_pair.fingerprint[:16]}:30:operators"
        post_notice(Draft("key_pair_expiring", key, None, f"{MARK} key", values={"owner": MARK}))
        record(by=actor, action="webhooks.webhook.updated", obj=webhook, participant=participant, after={"to": MARK})
    return webhook


def send(webhook: Webhook) -> None:
    """Notifications in every state, with attempts, statuses, batches, days."""
    now = timezone.now()
    batch = SendBatch.objects.create(webhook=webhook, kind="enviar_tudo", by_label=f"{MARK} person")
    states: list[dict[str, Any]] = [
        {"state": "waiting"},
        {"state": "held", "reason": "webhook_stopped", "due_at": None},
        {"state": "delivered", "due_at": None, "finished_at": now, "batch": batch, "cause": "enviar_tudo"},
        {"state": "failed", "reason": "exhausted", "due_at": None, "finished_at": now},
        {"state": "cancelled", "reason": "archived", "due_at": None, "finished_at": now},
        {"state": "waiting", "lease_token": uuid4(), "due_at": now - timedelta(seconds=1)},
    ]
    for over in states:
        delivery = make_delivery(webhook=webhook, body=f"{MARK} body".encode(), created_by=f"{MARK} person", **over)
        make_attempt(delivery, url=f"https://{MARK}.example/", response_body=f"{MARK} answer")
        ProductStatus.objects.update_or_create(
            webhook=webhook,
            product=delivery.event.publication.product,
            defaults={"delivery": delivery, "state": delivery.state, "changed_at": now},
        )
    own = make_event(participant=webhook.participant, payload=f'{{"of": "{MARK}"}}', mode="test")
    make_delivery(webhook=webhook, event=own)
    make_event(participant=webhook.participant, payload=f'{{"of": "{MARK}"}}', mode="test")
    WebhookDay.objects.create(webhook=webhook, day=now.date(), delivered=3)


@pytest.fixture
def condemned(db: None, monkeypatch: pytest.MonkeyPatch) -> Person:
    """An owner whose participant has everything; an erasure waits for nothing that was under way."""
    monkeypatch.setattr(erasing, "QUIET", timedelta(0))
    owner = make_owner(f"{MARK.title()} Geração", f"{MARK}@example.test")
    User.objects.filter(pk=owner.user.pk).update(name=f"{MARK} owner")
    owner.user.refresh_from_db()
    owner.client.get("/", REMOTE_ADDR=ADDRESS)
    owner.client.post(reverse("access:preferences-update"), {"theme": "dark"}, REMOTE_ADDR=ADDRESS)
    webhook = configure(owner.participant, owner.actor)
    send(webhook)
    kind = ContentType.objects.get_for_model(User)
    staff = make_user(email="logs@operator.test", is_staff=True)
    LogEntry.objects.create(
        user=staff, content_type=kind, object_id=str(owner.user.pk), object_repr=str(owner.user), action_flag=2
    )
    former = make_user(name=f"{MARK} former", email=f"{MARK}-former@example.test")
    product = ProductGrant.objects.get(participant=owner.participant).product
    LogEntry.objects.create(
        user=staff,
        content_type=ContentType.objects.get_for_model(product),
        object_id=str(product.pk),
        object_repr=product.name,
        change_message=json.dumps([{"added": {"object": str(owner.participant)}}]),
        action_flag=2,
    )
    with transaction.atomic():
        by = Actor.for_staff(staff)
        # All that is known of somebody whose membership was removed, and who never did anything.
        gone = Membership(user=former, participant=owner.participant)
        left = {"user": str(former)}
        record(by=by, action="access.membership.deleted", obj=gone, participant=owner.participant, before=left)
        audience = {"participants": [owner.participant.name, "another"]}
        record(by=by, action="catalog.product.updated", obj=product, after=audience)
        # As staff end a session: nothing but its label says whose it was.
        session = UserSession(user=owner.user, key_digest=uuid4().hex, auth_digest="", expires_at=timezone.now())
        session.user_agent, session.address = f"{MARK} browser", ADDRESS
        session.save()
        after = {"device": session.user_agent, "from": ADDRESS}
        record(by=Actor.for_staff(staff), action="access.session.ended", obj=session, after=after)
        called_otherwise_before(owner, staff, product)
    return owner


def called_otherwise_before(owner: Person, staff: User, product: Any) -> None:
    """What was written while the participant and the person had other names, and that they were given these."""
    by, was = Actor.for_staff(staff), f"{MARK} before"
    named = {"name": {"before": was, "after": owner.participant.name}}
    moved = {"email": {"before": f"{MARK}-before@example.test", "after": owner.user.email}}
    for obj, change in ((owner.participant, named), (owner.user, moved)):
        [(key, values)] = change.items()
        before, after = {key: values["before"]}, {key: values["after"]}
        record(by=by, action=f"{obj._meta.label_lower}.updated", obj=obj, before=before, after=after)
    then = User(name="", email=f"{MARK}-before@example.test")
    session = UserSession(user=then, key_digest=uuid4().hex, auth_digest="", expires_at=timezone.now())
    record(by=by, action="access.session.ended", obj=session)
    record(by=by, action="catalog.product.updated", obj=product, before={"participants": [was]})
    for name in (was, str(then)):
        log_of(staff, name)


def erase(participant: Participant) -> Erasure:
    erasure = request_erasure(participant, reason="contract ended", by=STAFF)
    assert erasing.carry_on(erasure, ends_at=float("inf"))
    return Erasure.objects.get(pk=erasure.pk)


def places_of(*words: str) -> set[str]:
    search = Search()
    search.add_database()
    texts = [(place, content.lower()) for place, content in search.texts]
    return {place for place, content in texts for word in words if word.lower() in content}


def log_of(staff: User, named: str) -> LogEntry:
    """What the admin's own log keeps when somebody is added to the audience of a product."""
    message = json.dumps([{"added": {"name": "grant", "object": f"Prices · {named}"}}])
    kind = ContentType.objects.get_for_model(Participant)
    return LogEntry.objects.create(
        user=staff, content_type=kind, object_id="0", object_repr=named, change_message=message, action_flag=2
    )
