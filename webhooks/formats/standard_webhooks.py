"""The envelope of the Standard Webhooks specification: `type`, `timestamp`, `data`; data is the documented body."""

from datetime import UTC

from django.utils.translation import gettext_lazy as _

from webhooks import event_types
from webhooks.event_types import EventContent, dump
from webhooks.formats.body import BodyFormat, Rendered


class StandardWebhooks(BodyFormat):
    name = "standard_webhooks"
    label = _("Standard Webhooks")
    explanation = _("An envelope with type, timestamp and data; data is the documented body.")

    def render(self, content: EventContent) -> Rendered:
        moment = content.occurred_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        # The documented body is put in as the text that it is: nothing in it is parsed and written anew.
        data = event_types.get(content.type).documented(content)
        return Rendered(f'{{"type":{dump(content.type)},"timestamp":"{moment}","data":{data}}}'.encode())


FORMAT = StandardWebhooks()
