"""The event type's own documented body: for publications the seven names of ONS-17, and `url` beside `Uri`."""

from django.utils.translation import gettext_lazy as _

from webhooks import event_types
from webhooks.event_types import EventContent
from webhooks.formats.body import BodyFormat, Rendered


class Documented(BodyFormat):
    name = "documented"
    label = _("Documented")
    explanation = _("The names of the guide: DataProduto, MacroProcesso, Nome, Processo, Uri and so on.")

    def render(self, content: EventContent) -> Rendered:
        return Rendered(event_types.get(content.type).documented(content).encode())


FORMAT = Documented()
