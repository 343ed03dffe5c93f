"""The frozen words of a publication's event: the names that receivers read (ONS-4, ONS-17, ONS-18)."""

from typing import Any

from catalog.models import Publication

EVENT_TYPE = "publication.published"


def publication_payload(publication: Publication) -> dict[str, Any]:
    """Return the event's payload. The link is not in it: every delivery gets its own when its body is rendered."""
    product = publication.product
    period = publication.period_value
    return {
        "publication": str(publication.uuid),
        "product": str(product.uuid),
        "product_code": product.code,
        "version": publication.version,
        "Nome": product.name,
        "Processo": product.process.name,
        "MacroProcesso": product.process.macro_process.name,
        "DataProduto": period.reference_text(),
        "Periodicidade": period.start_text(),
        "PeriodicidadeFinal": period.end_text(),
    }
