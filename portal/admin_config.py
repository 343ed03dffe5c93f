"""How the admin starts. Apart from portal/administration.py, which needs every app's models loaded first."""

from django.contrib.admin.apps import AdminConfig

# django-celery-beat's pages let whoever may open them run any task; allauth's list of addresses means nothing here.
UNWANTED_APPS = ("django_celery_beat", "account")


class HouseAdminConfig(AdminConfig):
    default_site = "portal.administration.HouseAdminSite"

    def ready(self) -> None:
        super().ready()
        from django.contrib import admin

        admin.site.unregister([model for model in admin.site._registry if model._meta.app_label in UNWANTED_APPS])
