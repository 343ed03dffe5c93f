"""Checks of the data keys and of where sealed fields are used."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.contrib.admin.options import BaseModelAdmin, ModelAdmin
from django.contrib.admin.sites import all_sites
from django.contrib.admin.utils import flatten
from django.core import checks
from django.db import models

from vault.errors import KeysMisconfigured
from vault.fields import SealedField
from vault.keys import keyring
from vault.rotation import find_spots

HINT = "id:base64,id:base64 with the current key first; a key is 32 random bytes: openssl rand -base64 32"
CHECK_IDS = {
    "no_keys": "vault.E001",
    "malformed_key": "vault.E002",
    "duplicate_key_id": "vault.E003",
    "duplicate_key": "vault.E004",
}
# 32 random bytes hold fewer than 16 different ones about once in 10^15 tries; typed text and fillers do at once.
LEAST_DIFFERENT_BYTES = 16


@checks.register("gancho")
def check_data_keys(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    try:
        keys = keyring().by_id.values()
    except KeysMisconfigured as error:
        return [checks.Error(str(error), hint=HINT, id=CHECK_IDS[error.code])]
    found: list[checks.CheckMessage] = [
        checks.Warning(f"Key {key.id!r} of PORTAL_DATA_KEYS is not random.", hint=HINT, id="vault.W005")
        for key in keys
        if len(set(key.material)) < LEAST_DIFFERENT_BYTES
    ]
    if settings.SECRET_KEY in {entry.partition(":")[2].strip() for entry in settings.PORTAL_DATA_KEYS.split(",")}:
        found.append(checks.Error("SECRET_KEY is one of the data keys.", hint="Make two.", id="vault.E006"))
    return found


@checks.register("gancho")
def check_sealed_places(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """Two models with one label and field name would accept each other's ciphertexts if ever their uuids met."""
    places = Counter(spot.field.place for spot in find_spots())
    hint = "Give each model a label of its own."
    return [
        checks.Error(f"More than one model seals {place.label}.{place.field}.", hint=hint, id="vault.E013")
        for place, number in places.items()
        if number > 1
    ]


@checks.register("gancho")
def check_admin_pages(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """The admin reads what it shows by attribute, and that opens a secret."""
    hint = "Show whether it is set: a method that calls vault.fields.is_set."
    return [
        checks.Error(f"{type(page).__name__} shows the secret {name}.", hint=hint, obj=page.model, id="vault.E014")
        for site in all_sites
        for page in _pages(site._registry.values())  # noqa: SLF001 (there is no other way to ask a site)
        for name in sorted(_shown_names(page) & _sealed_names(page.model))
    ]


def _pages(admins: Iterable[ModelAdmin]) -> Iterator[BaseModelAdmin]:
    for page in admins:
        yield page
        yield from (inline(page.model, page.admin_site) for inline in page.inlines)


def _shown_names(page: BaseModelAdmin) -> set[str]:
    fieldsets = [options.get("fields", ()) for _, options in page.fieldsets or ()]
    lists = (page.readonly_fields, page.fields or (), getattr(page, "list_display", ()), *fieldsets)
    return {name for names in lists for name in flatten(list(names)) if isinstance(name, str)}


def _sealed_names(model: type[models.Model]) -> set[str]:
    return {field.name for field in model._meta.get_fields() if isinstance(field, SealedField)}
