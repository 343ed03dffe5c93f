"""The administration's addresses walked, each with a row that it can show, and the people who knock there."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from connections.models import CachedToken
from dispatch.models import DispatcherBeat, ProductStatus
from notices.actions import Draft, post_notice
from notices.models import Incident
from portal.jobs import JOBS, sync_jobs
from tests.factories import make_attempt, make_user
from tests.people import Person
from tests.safety.world import World
from webhooks.models import WebhookTest

# `reader` may look at everything and do nothing; the others are those of the world.
VISITORS = ("anonymous", "member", "staff", "reader", "officer")
MEMBERS = ("outsider", "viewer", "technical", "administrator")
DOOR = "admin/"


def walk_administration() -> Iterator[tuple[str, str]]:
    """Return each address by name, or without one by its pattern; and the pattern as a whole."""
    for entry in get_resolver().url_patterns:
        if isinstance(entry, URLResolver) and str(entry.pattern) == DOOR:
            yield from _walk(entry, DOOR)


def _walk(resolver: URLResolver, before: str) -> Iterator[tuple[str, str]]:
    for entry in resolver.url_patterns:
        pattern = before + str(entry.pattern).removeprefix("^").removesuffix("$")
        if isinstance(entry, URLPattern):
            yield entry.name or pattern, pattern
        else:
            yield from _walk(entry, pattern)


class Office:
    """A world with a row of every model that the administration shows."""

    def __init__(self, world: World) -> None:
        self.world, now = world, timezone.now()
        reader = Person(make_user(email="reader@operator.test", name="Reader", is_staff=True))
        reader.user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        world.people["reader"] = reader
        make_attempt(world.delivery)
        ProductStatus.objects.create(
            webhook=world.webhook, product=world.product, delivery=world.delivery, state="waiting", changed_at=now
        )
        sync_jobs()
        DispatcherBeat.objects.create(name="one", started_at=now, beat_at=now)
        Group.objects.create(name="Publishers")
        WebhookTest.objects.create(participant=world.participant, by="Owner", at=now)
        CachedToken.objects.create(key="0" * 64, connection=world.connection, credential_version=uuid4())
        with transaction.atomic():
            post_notice(Draft("dispatcher_silent", "once", values={"since": now.isoformat()}))
        Incident.objects.create(kind="dispatcher_silent", suspected_at=now, seen_at=now)
        for who in ("reader", *MEMBERS):
            world.client(who)

    def rows(self) -> dict[str, Any]:
        """The key of one row of each model, by the beginning of the names of its addresses."""
        found = {}
        for model in admin.site._registry:
            key = model._default_manager.order_by("pk").values_list("pk", flat=True).first()
            assert key is not None, f"no row of {model._meta.label}: add one here"
            found[f"{model._meta.app_label}_{model._meta.model_name}"] = key
        return found

    def paths(self) -> dict[str, str]:
        """Where each address is with the row that exists."""
        rows = self.rows()
        paths = {}
        for name, pattern in walk_administration():
            assert name not in paths, f"{name} is there twice"
            paths[name] = "/" + self._fill(pattern, rows)
        return paths

    def _fill(self, pattern: str, rows: dict[str, Any]) -> str:
        model = "_".join(pattern.split("/")[1:3])
        path = re.sub(r"\(\?P<app_label>.*?\)", "webhooks", pattern)
        path = re.sub(r"\(\?P<url>.*?\)$", "nothing/of/the/kind", path)
        path = path.replace("<path:content_type_id>", "1")
        path = path.replace("<str:task>", JOBS[0].task)
        return re.sub(r"<[^>]+>", lambda _found: str(rows.get(model, 1)), path)

    def form(self, name: str) -> dict[str, str]:
        """What an address needs besides, by GET or POST, or it would answer as to anybody who came by hand."""
        return {"webhooks_webhook_sending": {"kind": "stop", "webhook": str(self.world.webhook.uuid)}}.get(name, {})

    def seats(self, visitor: str) -> tuple[str, ...]:
        """The people of the world whom a column of the table speaks of."""
        return MEMBERS if visitor == "member" else (visitor,)
