from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = _("Access")

    def ready(self) -> None:
        from access import checks  # noqa: F401 (registers itself)
        from access.models import AuditLink, AuditRedaction
        from vault import rotation, uses

        # Without its key a link can't be checked any more, and no link is ever made anew.
        uses.register("audit links", lambda key_id: AuditLink.objects.filter(key_id=key_id).count())
        uses.register("audit redactions", lambda key_id: AuditRedaction.objects.filter(key_id=key_id).count())
        # The download workers sign nobody in and have no such rows.
        if apps.is_installed("allauth.mfa"):
            from access.mfa.rotation import KINDS, FactorSeeds

            for kind, name in KINDS.items():
                rotation.register(FactorSeeds(kind, name))
