from django.utils.translation import gettext_lazy as _

from connections.kinds.kind import Kind


class BtgId(Kind):
    name = "btg_id"
    label = _("btg_id")
    explanation = _("btg_id")


KIND = BtgId()
