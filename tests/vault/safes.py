"""Models with secrets, for the vault's own tests: an app that exists only while one of those tests runs."""

from uuid import uuid4

from django.apps import AppConfig
from django.db import models

from vault.fields import SealedField

LABEL = "safes"


class Safe(models.Model):
    # Before the uuid on purpose: Django gives a model's fields their values in this order.
    secret = SealedField("safe")
    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.TextField(default="")
    spare = SealedField("safe")

    class Meta:
        app_label = LABEL


class OpenSafes(models.Manager["Locker"]):
    def get_queryset(self) -> "models.QuerySet[Locker]":
        return super().get_queryset().filter(closed=False)


class Locker(models.Model):
    """Its manager hides rows, as the one of an archived webhook might; its secret has the same name as a Safe's."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    closed = models.BooleanField(default=False)
    secret = SealedField("locker")

    objects = OpenSafes()

    class Meta:
        app_label = LABEL


class SafesConfig(AppConfig):
    name = "tests.vault"
    label = LABEL
