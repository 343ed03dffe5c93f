"""Sealing the seeds of second factors anew; they stand in a JSON column of allauth's, where no SealedField can be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import models, transaction
from django.db.models.fields.json import KT
from django.db.models.functions import Greatest, StrIndex, Substr
from django.views.decorators.debug import sensitive_variables

from access.mfa import seeds
from access.models import User
from vault.keys import current_key_id

# Which value of each kind of factor is sealed.
KINDS = {"totp": "secret", "recovery_codes": "seed"}


@dataclass(frozen=True)
class StaleSeed:
    """A seed that the current key did not seal, as it stood when it was read."""

    pk: int
    uuid: Any
    sealed: str


@dataclass(frozen=True)
class FactorSeeds:
    """The seeds of one kind of factor, for `vault.rotation.register`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{Authenticator._meta.label}.{self.kind}"

    def count_by_key(self) -> dict[str, int]:
        """Return how many seeds each key seals; the id is empty for text that names none. One query."""
        colon = StrIndex("sealed", models.Value(":"))
        # PostgreSQL refuses a negative length: one damaged value would end the whole walk.
        key_id = Substr("sealed", 1, Greatest(colon - 1, 0), output_field=models.CharField())
        counts = self._rows().values(sealing_key=key_id).annotate(number=models.Count("pk"))
        return {row["sealing_key"]: row["number"] for row in counts.order_by()}

    def stale_rows(self, chunk: int) -> Iterator[StaleSeed]:
        stale = self._rows().exclude(sealed__startswith=f"{current_key_id()}:").order_by("pk")
        page = list(stale.values_list("pk", "user__uuid", "sealed")[:chunk])
        while page:
            yield from (StaleSeed(*row) for row in page)
            page = list(stale.filter(pk__gt=page[-1][0]).values_list("pk", "user__uuid", "sealed")[:chunk])

    @sensitive_variables()
    def reseal(self, row: StaleSeed) -> bool:
        """Seal one seed anew; False when its factor changed since it was read. Raises UnreadableSecret."""
        with transaction.atomic():
            # The row also holds the last step and the codes that were used: a sign-in meanwhile must not be undone.
            standing = Authenticator.objects.select_for_update(no_key=True).filter(pk=row.pk).first()
            if standing is None or standing.data[self.name] != row.sealed:
                return False
            with seeds.owned_by(User.objects.get(pk=standing.user_id)):
                adapter = seeds.MFAAdapter()
                standing.data[self.name] = adapter.encrypt(adapter.decrypt(row.sealed))
            standing.save(update_fields=["data"])
        return True

    def _rows(self) -> models.QuerySet[Any]:
        return Authenticator.objects.filter(type=self.kind).annotate(sealed=KT(f"data__{self.name}"))
