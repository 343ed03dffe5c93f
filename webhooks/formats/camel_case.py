"""The names of ONS's published sample receivers: as documented, in camelCase. Other types stay as documented."""

from django.utils.translation import gettext_lazy as _

from webhooks import event_types
from webhooks.event_types import EventContent, dump
from webhooks.formats.body import BodyFormat, Rendered

CAMEL_CASE = {
    "Nome": "nome",
    "Processo": "processo",
    "DataProduto": "dataProduto",
    "MacroProcesso": "macroProcesso",
    "Periodicidade": "periodicidade",
    "PeriodicidadeFinal": "periodicidadeFinal",
    "url": "url",
}


class CamelCase(BodyFormat):
    name = "camel_case"
    label = _("camelCase")
    explanation = _("The same content with the names nome, processo, dataProduto and url.")

    def render(self, content: EventContent) -> Rendered:
        event_type = event_types.get(content.type)
        if event_type.names != event_types.PUBLICATION_NAMES:
            return Rendered(event_type.documented(content).encode())
        fields = event_type.fields(content)
        return Rendered(dump({camel: fields[name] for name, camel in CAMEL_CASE.items()}).encode())


FORMAT = CamelCase()
