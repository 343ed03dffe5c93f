from django.utils.translation import gettext_lazy as _

from connections.kinds.kind import Kind


class Jwt7523(Kind):
    name = "jwt_7523"
    label = _("jwt_7523")
    explanation = _("jwt_7523")


KIND = Jwt7523()
