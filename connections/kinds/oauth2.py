from django.utils.translation import gettext_lazy as _

from connections.kinds.kind import Kind


class OAuth2(Kind):
    name = "oauth2"
    label = _("oauth2")
    explanation = _("oauth2")


KIND = OAuth2()
