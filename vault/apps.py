from django.apps import AppConfig
from django.db.models.signals import post_migrate


class VaultConfig(AppConfig):
    name = "vault"

    def ready(self) -> None:
        from vault import checks, sentinel  # noqa: F401 (models are not there before)

        post_migrate.connect(sentinel.plant_after_migrate, sender=self)
