"""Walking every sealed value of the installation: counting them by key, sealing them anew with the current one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models.functions import Greatest, StrIndex, Substr
from django.views.decorators.debug import sensitive_variables

from vault.fields import SealedField
from vault.keys import current_key_id
from vault.sealed import Sealed


class StaleRow(NamedTuple):
    """One value that the current key did not seal."""

    pk: Any
    uuid: UUID
    sealed: Sealed


@dataclass(frozen=True)
class Spot:
    """One sealed field of one model."""

    model: type[models.Model]
    field: SealedField

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.field.name}"

    def rows(self) -> models.QuerySet[Any]:
        """Every row that holds a value."""
        return self._everything().exclude(**{self.field.name: ""}).order_by()

    def count_by_key(self) -> dict[str, int]:
        """Return how many values each key id seals; the id is empty for text that names none. One query."""
        colon = StrIndex(self.field.name, models.Value(":"))
        key_id = Substr(self.field.name, 1, Greatest(colon - 1, 0), output_field=models.CharField())
        counts = self.rows().values(sealing_key=key_id).annotate(number=models.Count("pk"))
        return {row["sealing_key"]: row["number"] for row in counts}

    def stale_rows(self, chunk: int) -> Iterator[StaleRow]:
        """Yield the values that another key than the current one sealed, read `chunk` at a time by primary key.

        No cursor and no lock is held between two chunks, so a walk of hours neither blocks a writer nor keeps a
        snapshot alive.
        """
        stale = self.rows().exclude(**{f"{self.field.name}__sealed_by": current_key_id()}).order_by("pk")
        page = list(stale.values_list("pk", "uuid", self.field.name)[:chunk])
        while page:
            yield from (StaleRow(*row) for row in page)
            page = list(stale.filter(pk__gt=page[-1][0]).values_list("pk", "uuid", self.field.name)[:chunk])

    @sensitive_variables()
    def reseal(self, row: StaleRow) -> bool:
        """Seal one value anew; False when somebody wrote another one since it was read. Raises UnreadableSecret.

        A statement of its own, committed at once: a run cut off midway leaves each row sealed by the old key or by the
        new one, and no two row locks are ever held together.
        """
        sealed = self.field.seal(row.sealed.open(row.uuid), row.uuid)
        standing = self._everything().filter(**{"pk": row.pk, self.field.name: row.sealed})
        return bool(standing.update(**{self.field.name: sealed}))

    def _everything(self) -> models.QuerySet[Any]:
        # Not the model's own manager, which may filter: an archived webhook has secrets too.
        return self.model._base_manager.all()  # noqa: SLF001


class SealedStock(Protocol):
    """Sealed values that are kept elsewhere than in a SealedField, in the same words as a Spot has."""

    def count_by_key(self) -> dict[str, int]: ...

    def stale_rows(self, chunk: int) -> Iterator[Any]: ...

    def reseal(self, row: Any) -> bool: ...


_registered: list[SealedStock] = []


def register(stock: SealedStock) -> None:
    """Have rotate_secrets cover `stock` too, for as long as the process lives. Its str() is what reports call it."""
    _registered.append(stock)


def find_all() -> list[Spot | SealedStock]:
    """Return every place of the installation that holds sealed values."""
    return [*find_spots(), *_registered]


def find_spots() -> list[Spot]:
    """Return every sealed field of every installed model that has a table of its own."""
    return [
        Spot(model, field)
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy
        for field in model._meta.local_concrete_fields
        if isinstance(field, SealedField)
    ]
