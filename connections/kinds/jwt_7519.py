from django.utils.translation import gettext_lazy as _

from connections.kinds.kind import Kind


class Jwt7519(Kind):
    name = "jwt_7519"
    label = _("jwt_7519")
    explanation = _("jwt_7519")


KIND = Jwt7519()
