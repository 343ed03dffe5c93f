from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DispatchConfig(AppConfig):
    name = "dispatch"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        from dispatch import checks, hearers, notice_kinds

        assert checks
        notice_kinds.register()
        hearers.listen()
