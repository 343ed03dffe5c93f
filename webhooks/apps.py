from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebhooksConfig(AppConfig):
    name = "webhooks"
    verbose_name = _("Webhooks")

    def ready(self) -> None:
        from connections import uses
        from connections.signals import credentials_changed
        from webhooks import (
            checks,  # noqa: F401 (registers them)
            credentials,
        )

        uses.register("webhooks", credentials.find_users)
        credentials_changed.connect(
            credentials.hear_of_changed_credentials, dispatch_uid="webhooks.hear_of_changed_credentials"
        )
