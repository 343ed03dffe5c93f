"""Body formats (ONS-17 as documented; the other two for receivers that read other names)."""

import json
from datetime import UTC, datetime

import pytest

from catalog.content import EVENT_TYPE
from webhooks import event_types
from webhooks.formats import FORMATS, EventContent, FormatError, render
from webhooks.trials import sample_content

MOMENT = datetime(2020, 9, 1, 12, 0, 0, 123456, tzinfo=UTC)
PAYLOAD = {
    "publication": "u-1",
    "product_code": "CARGA",
    "version": 2,
    "Nome": "Carga Verificada",
    "Processo": "Medição Verificada",
    "MacroProcesso": "Apuração e Medição",
    "DataProduto": "08/2020",
    "Periodicidade": "2020-08-01T00:00:00",
    "PeriodicidadeFinal": "2020-08-31T23:59:59",
}
LINK = "https://portal.example/d/abc"
TRANSACTIONS = '{"client-transaction": [ { "idtransaction": 1, "idcliente": "01400-2", "valorpago": 10 } ]}'


def publication() -> EventContent:
    return EventContent("publication.published", MOMENT, json.dumps(PAYLOAD), LINK)


def transactions() -> EventContent:
    return EventContent("client-transaction", MOMENT, TRANSACTIONS)


def test_ons_17_documented_body_has_the_seven_names_and_url() -> None:
    rendered = render("documented", publication())
    assert rendered.content_type == "application/json"
    assert json.loads(rendered.body) == {
        "DataProduto": "08/2020",
        "MacroProcesso": "Apuração e Medição",
        "Nome": "Carga Verificada",
        "Periodicidade": "2020-08-01T00:00:00",
        "PeriodicidadeFinal": "2020-08-31T23:59:59",
        "Processo": "Medição Verificada",
        "Uri": LINK,
        "url": LINK,
    }


def test_ons_04_body_carries_the_direct_link() -> None:
    assert json.loads(render("documented", publication()).body)["Uri"] == LINK


def test_accents_go_out_as_utf_8_not_as_escapes() -> None:
    assert "Medição".encode() in render("documented", publication()).body


def test_camel_case_has_the_names_of_the_sample_receivers() -> None:
    body = json.loads(render("camel_case", publication()).body)
    assert set(body) == {
        "nome",
        "processo",
        "dataProduto",
        "macroProcesso",
        "periodicidade",
        "periodicidadeFinal",
        "url",
    }
    assert (body["nome"], body["url"]) == ("Carga Verificada", LINK)


def test_standard_webhooks_wraps_the_documented_body() -> None:
    body = json.loads(render("standard_webhooks", publication()).body)
    assert list(body) == ["type", "timestamp", "data"]
    assert (body["type"], body["timestamp"]) == ("publication.published", "2020-09-01T12:00:00.123Z")
    assert body["data"] == json.loads(render("documented", publication()).body)


@pytest.mark.parametrize("name", ["documented", "camel_case"])
def test_gsan_14_other_types_go_out_verbatim(name: str) -> None:
    assert render(name, transactions()).body == TRANSACTIONS.encode()


def test_standard_webhooks_keeps_a_verbatim_payload_as_it_was_written() -> None:
    assert TRANSACTIONS.encode() in render("standard_webhooks", transactions()).body


@pytest.mark.parametrize("payload", ['{"Nome": "x"}', "no json", "[1]", "null"])
def test_content_that_does_not_fit_is_a_format_error(payload: str) -> None:
    with pytest.raises(FormatError):
        render("documented", EventContent("publication.published", MOMENT, payload, LINK))


def test_unknown_format_or_type_is_a_format_error() -> None:
    with pytest.raises(FormatError):
        render("xml", publication())
    with pytest.raises(FormatError):
        render("documented", EventContent("unheard.of", MOMENT, "{}"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_test_message_fits_every_format(name: str) -> None:
    assert json.loads(render(name, sample_content(MOMENT)).body)


def test_the_catalogue_and_the_registry_name_publications_alike() -> None:
    assert event_types.PUBLICATION_PUBLISHED == EVENT_TYPE
    assert event_types.subscribable_names() == {"client-transaction"}
