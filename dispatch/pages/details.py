"""The page of one webhook: its health, figures, products, last attempts, and what is held."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.utils.translation import get_language

from catalog.models import Publication
from dispatch.holding import Choice, Held, count_held
from dispatch.models import Reason, State
from dispatch.pages.batches import Strip, load_strips
from dispatch.pages.figures import Figures, load_figures
from dispatch.pages.health import Health, load_health
from dispatch.pages.products import ProductRow, load_product_rows, why_not_sendable
from dispatch.pages.recent import RecentDay, load_recent
from dispatch.pending import Pending, count_pending
from webhooks.models import Webhook


@dataclass
class WebhookDetails:
    """What the page shows of a webhook and keeps current. What costs a query is read when it is asked for."""

    webhook: Webhook
    now: datetime
    words: str = ""
    choices: Sequence[Choice] = field(default=tuple(Choice))

    @cached_property
    def health(self) -> Health:
        return load_health([self.webhook])[self.webhook.pk]

    @cached_property
    def rows(self) -> list[ProductRow]:
        return load_product_rows(self.webhook, now=self.now, words=self.words)

    @property
    def example(self) -> Publication | None:
        """The publication that the request is shown for: the last one of all its products, whatever was searched."""
        rows = self.rows if not self.words else load_product_rows(self.webhook, now=self.now)
        latest = (row.latest for row in rows if row.latest)
        return max(latest, key=lambda publication: (publication.published_at, publication.pk), default=None)

    @cached_property
    def held(self) -> Held:
        return count_held(self.webhook)

    @property
    def held_reason(self) -> str:
        """Why the held ones are held, where it is the same for all of them."""
        return str(Reason(self.held.reasons[0][0]).label)

    @cached_property
    def pending(self) -> dict[int, Pending]:
        return count_pending([self.webhook.pk])

    @property
    def resendable(self) -> int:
        return self.pending[self.webhook.pk].resendable

    @cached_property
    def strip(self) -> Strip | None:
        """The way back to the batch that runs, if one does."""
        return load_strips(self.pending).get(self.webhook.pk)

    @cached_property
    def figures(self) -> Figures:
        return load_figures(self.webhook.pk, now=self.now)

    @cached_property
    def recent(self) -> list[RecentDay]:
        return load_recent(self.webhook.pk)

    @cached_property
    def refusal(self) -> str:
        """Why nothing may be sent to this webhook now, "" when it may."""
        return why_not_sendable(self.webhook)

    @cached_property
    def stamp(self) -> str:
        """Changes with anything on the page that a reader can see; an open page asks for news by it."""
        rows = [row.fingerprint for row in self.rows]
        buttons = (self.refusal, self.resendable, self.strip)
        seen = (get_language(), self.webhook.pk, self.health, self.held, buttons, rows)
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]

    @property
    def open_work(self) -> bool:
        """Whether anything here will change without anybody's doing."""
        return any(row.delivery and row.delivery.state == State.WAITING for row in self.rows)
