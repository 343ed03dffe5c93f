"""People at work: they publish, press every button there is, withdraw, stop and start webhooks, several at once."""

import random
import threading
import time
from typing import Any, Self
from uuid import uuid4

from django.core.files.base import ContentFile
from django.db import DatabaseError, InterfaceError, connection

from access.errors import ActionError
from catalog.models import Publication
from dispatch.actions import publish, withdraw
from dispatch.batches import start_batch, stop_batch
from dispatch.holding import Choice, release_held
from dispatch.models import Cause, Delivery, SendBatch
from dispatch.models.deliveries import PRODUCT_SUBJECT
from dispatch.sending import send_product
from tests.soak.notes import Notes
from tests.soak.world import BY, World
from webhooks.actions import resume_webhook, stop_webhook
from webhooks.models import StoppedReason, Webhook

PEOPLE = 3
LONGEST_PAUSE = 0.8
# People who see that much waiting wait as well: the end of the soak has to come to its end.
MOST_OPEN = 2_000


class Crowd:
    """Threads that work as long as the `with` block lasts."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.notes = Notes()
        self._leaving = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(f"{seed} {number}"),)) for number in range(PEOPLE)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._leaving.set()
        for thread in self._threads:
            thread.join(60)

    def _work(self, rng: random.Random) -> None:
        deeds = {
            self._publish: 40, self._press: 25, self._send_all: 6, self._resend: 8, self._stop_batch: 4,
            self._withdraw: 4, self._stop_and_resume: 3,
        }  # fmt: skip
        while not self._leaving.wait(rng.random() * LONGEST_PAUSE):
            [deed] = rng.choices(list(deeds), weights=list(deeds.values()))
            self._do(deed, rng)
        connection.close()

    def _do(self, deed: Any, rng: random.Random) -> None:
        name, begun = deed.__name__.strip("_"), time.monotonic()
        try:
            deed(rng)
            self.notes.did[name] += 1
        except ActionError:
            self.notes.did[f"{name} refused"] += 1
        except (DatabaseError, InterfaceError) as error:
            self._note(name, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what a soak looks for
            self.notes.surprises[f"{name}: {type(error).__name__}: {error}"[:300]] += 1
        self.notes.took(time.monotonic() - begun)

    def _note(self, name: str, error: Exception) -> None:
        connection.close()
        text = f"{type(error).__name__}: {error}".strip()
        if "deadlock" in text or not self.notes.may_be_refused:
            self.notes.surprises[f"{name}: {text}"[:300]] += 1
        else:
            self.notes.did["no database"] += 1

    # --- deeds

    def _publish(self, rng: random.Random) -> None:
        if Delivery.objects.open().filter(subject__startswith=PRODUCT_SUBJECT).count() > MOST_OPEN:
            return
        upload = ContentFile(b"%d\n" % rng.getrandbits(64), "data.csv")
        done = publish(rng.choice(self.world.products), period="2020-08-15", upload=upload, by=BY)
        self.notes.published[done.publication.pk] = done.deliveries

    def _press(self, rng: random.Random) -> None:
        webhook = Webhook.objects.get(pk=rng.choice(self.world.webhooks).pk)
        self.notes.pressed.add(send_product(webhook, rng.choice(self.world.products), by=BY).delivery.pk)

    def _send_all(self, rng: random.Random) -> None:
        self._batch(rng, Cause.ENVIAR_TUDO)

    def _resend(self, rng: random.Random) -> None:
        self._batch(rng, Cause.REENVIAR)

    def _batch(self, rng: random.Random, kind: str) -> None:
        batch = start_batch(Webhook.objects.get(pk=rng.choice(self.world.webhooks).pk), kind, by=BY, token=uuid4())
        self.notes.batches[batch.pk] = batch.created

    def _stop_batch(self, rng: random.Random) -> None:
        if batch := SendBatch.objects.order_by("-pk").first():
            stop_batch(batch, by=BY)

    def _withdraw(self, rng: random.Random) -> None:
        newest = Publication.objects.filter(withdrawn_at__isnull=True).order_by("-pk")[:10]
        if found := list(newest):
            withdraw(rng.choice(found), reason="a mistake", by=BY)

    def _stop_and_resume(self, rng: random.Random) -> None:
        webhook = rng.choice(self.world.webhooks)
        stop_webhook(webhook, reason=StoppedReason.FAILING, by=BY)
        time.sleep(rng.random())
        resume_webhook(Webhook.objects.get(pk=webhook.pk), by=BY)
        release_held(Webhook.objects.get(pk=webhook.pk), rng.choice(list(Choice)), by=BY)
