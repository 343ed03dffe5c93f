"""How the admin starts. Apart from portal/administration.py, which needs every app's models loaded first."""

from typing import Any

from django.apps import apps
from django.contrib.admin.apps import AdminConfig

# django-celery-beat's pages let whoever may open them run any task; allauth's list of addresses means nothing here, and
# its second factors are nobody's to edit.
UNWANTED_APPS = ("django_celery_beat", "account", "mfa")


class HouseAdminConfig(AdminConfig):
    default_site = "portal.administration.HouseAdminSite"

    def ready(self) -> None:
        super().ready()
        site: Any = self.module.site  # type: ignore[union-attr]
        for label in UNWANTED_APPS:
            site.unregister([model for model in apps.get_app_config(label).get_models() if site.is_registered(model)])
