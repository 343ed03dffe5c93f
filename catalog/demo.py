"""An invented catalogue of an energy market, for `seed_demo`: names, periods, and files with real numbers in them.

Nothing here comes from a real operator. The figures are curves of the calendar, so that the same day always gives the
same file and two runs of the seed publish nothing twice.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import sin

from catalog.models import MacroProcess, Process, Product
from catalog.periods import Periodicity, Weekday

Rows = list[dict[str, str | float | int]]

REGIONS = ("Sul", "Sudeste", "Centro-Oeste", "Norte", "Nordeste")
BASINS = ("Rio das Pedras", "Alto Claro", "Serra Verde", "Barra Funda")
PLANTS = ("UHE Pedra Alta", "UHE Barra Funda", "EOL Vento Alto", "UFV Serra Clara", "UTE Porto Novo")
AGENTS = ("Vento Alto Energia", "Serra Clara Solar", "Meridiano Comercializadora", "Porto Novo Térmica")


@dataclass(frozen=True)
class DemoProduct:
    """A product of the demo. `make_rows` gives the contents for a first day; None: it has never been published."""

    code: str
    name: str
    periodicity: Periodicity
    make_rows: Callable[[date], Rows] | None = None
    extension: str = "csv"


@dataclass(frozen=True)
class DemoPublication:
    """A file to publish."""

    product_code: str
    period: str
    file_name: str
    content: bytes


def _wave(day: date, *steps: int) -> float:
    """Return a number from 0 to 1 that follows the day and the steps given."""
    phase = day.toordinal() * 0.7 + sum(step * (1.3 + place) for place, step in enumerate(steps))
    return (sin(phase) + 1) / 2


def _prices(day: date) -> Rows:
    return [
        {"data": day.isoformat(), "hora": hour, "regiao": region, "preco_mwh": round(90 + 260 * _wave(day, hour, n), 2)}
        for hour in range(24)
        for n, region in enumerate(REGIONS)
    ]


def _generation(day: date) -> Rows:
    return [
        {"data": day.isoformat(), "hora": hour, "usina": plant, "mw": round(40 + 900 * _wave(day, hour, n), 1)}
        for hour in range(24)
        for n, plant in enumerate(PLANTS)
    ]


def _restrictions(day: date) -> Rows:
    return [
        {"data": day.isoformat(), "linha": f"LT {230 + 270 * (n % 2)} kV {region}", "limite_mw": 800 + n * 150}
        for n, region in enumerate(REGIONS)
    ]


def _load(day: date) -> Rows:
    return [
        {"data": day.isoformat(), "hora": hour, "regiao": region, "carga_mw": round(4000 + 9000 * _wave(day, hour, n))}
        for hour in range(24)
        for n, region in enumerate(REGIONS)
    ]


def _flows(day: date) -> Rows:
    return [
        {
            "dia": (day + timedelta(days=ahead)).isoformat(),
            "bacia": basin,
            "vazao_m3s": round(300 + 900 * _wave(day, n, ahead)),
        }
        for n, basin in enumerate(BASINS)
        for ahead in range(7)
    ]


def _levels(day: date) -> Rows:
    return [
        {"semana": day.isoformat(), "bacia": basin, "nivel_percentual": round(25 + 60 * _wave(day, n), 1)}
        for n, basin in enumerate(BASINS)
    ]


def _revision(day: date) -> Rows:
    return [
        {"semana": day.isoformat(), "usina": plant, "mw_medio": round(100 + 500 * _wave(day, n), 1)}
        for n, plant in enumerate(PLANTS)
    ]


def _settlement(day: date) -> Rows:
    return [
        {"mes": f"{day:%Y-%m}", "agente": agent, "valor_reais": round(800_000 * (_wave(day, n) - 0.5), 2)}
        for n, agent in enumerate(AGENTS)
    ]


def _guarantees(day: date) -> Rows:
    return [
        {"semana": day.isoformat(), "agente": agent, "garantia_reais": round(50_000 + 400_000 * _wave(day, n), 2)}
        for n, agent in enumerate(AGENTS)
    ]


def _notices(day: date) -> Rows:
    return [{"data": day.isoformat(), "assunto": "Janela de manutenção", "texto": "Portal indisponível das 2h às 3h."}]


DAILY, WEEKLY, MONTHLY, NONE = Periodicity.DAILY, Periodicity.WEEKLY, Periodicity.MONTHLY, Periodicity.NONE

# code and name of macro-processes and processes, then the products
CATALOGUE: dict[tuple[str, str], dict[tuple[str, str], tuple[DemoProduct, ...]]] = {
    ("1", "Programação da Operação"): {
        ("1.1", "Programação Diária"): (
            DemoProduct("PROGRAMA-DIARIO", "Programa Diário de Geração", DAILY, _generation),
            DemoProduct("RESTRICOES-DIA", "Restrições Elétricas do Dia", DAILY, _restrictions, "json"),
            DemoProduct("PREVISAO-CARGA", "Previsão de Carga", DAILY, _load),
            DemoProduct("INTERCAMBIOS", "Intercâmbios Programados", DAILY),
        ),
        ("1.2", "Programação Semanal"): (
            DemoProduct("VAZOES-BACIA", "Vazões Previstas por Bacia", WEEKLY, _flows),
            DemoProduct("REVISAO-MENSAL", "Revisão do Programa Mensal", WEEKLY, _revision, "json"),
            DemoProduct("NIVEIS-RESERVATORIOS", "Níveis dos Reservatórios", WEEKLY, _levels),
        ),
    },
    ("2", "Liquidação"): {
        ("2.1", "Contabilização"): (
            DemoProduct("PRECOS-HORARIOS", "Preços Horários", DAILY, _prices),
            DemoProduct("CONTABILIZACAO", "Relatório de Contabilização", MONTHLY, _settlement),
            DemoProduct("AJUSTES", "Ajustes da Liquidação", MONTHLY, _settlement, "json"),
        ),
        ("2.2", "Garantias"): (
            DemoProduct("GARANTIAS", "Garantias Financeiras", WEEKLY, _guarantees),
            DemoProduct("INADIMPLENCIA", "Inadimplência do Mercado", MONTHLY),
        ),
    },
    ("3", "Apuração e Medição"): {
        ("3.1", "Medição"): (DemoProduct("MEDICAO", "Medição Verificada", DAILY, _generation, "json"),),
        ("3.2", "Comunicação"): (DemoProduct("COMUNICADOS", "Comunicados ao Mercado", NONE, _notices, "json"),),
    },
}
PRODUCTS = tuple(product for processes in CATALOGUE.values() for group in processes.values() for product in group)
VERSIONS = {DAILY: 4, WEEKLY: 3, MONTHLY: 3, NONE: 1}


def create_catalogue() -> dict[str, Product]:
    """Make what is missing of the demo's headings and products; return the products by code."""
    made = {}
    for (code, name), processes in CATALOGUE.items():
        macro_process, _created = MacroProcess.objects.get_or_create(code=code, defaults={"name": name})
        for (process_code, process_name), products in processes.items():
            values = {"name": process_name, "macro_process": macro_process}
            process, _created = Process.objects.get_or_create(code=process_code, defaults=values)
            for product in products:
                values = {"name": product.name, "periodicity": product.periodicity, "process": process}
                made[product.code], _created = Product.objects.get_or_create(code=product.code, defaults=values)
    return made


def build_publications(today: date) -> Iterator[DemoPublication]:
    """Yield what the demo has published up to `today`, oldest first within each product."""
    for product in PRODUCTS:
        if product.make_rows:
            for first_day in reversed(_first_days(product.periodicity, today)):
                yield build_publication(product, first_day)


def build_publication(product: DemoProduct, first_day: date) -> DemoPublication:
    """Return the file of the period that starts on `first_day`."""
    if product.make_rows is None:
        raise ValueError(f"{product.code} is never published")
    period = f"{first_day:%Y-%m}" if product.periodicity == MONTHLY else first_day.isoformat()
    write = _as_json if product.extension == "json" else _as_csv
    file_name = f"{product.code}_{period}.{product.extension}"
    return DemoPublication(product.code, period, file_name, write(product.make_rows(first_day)))


def _first_days(periodicity: Periodicity, today: date) -> list[date]:
    """Return the first days of the last periods that have begun, newest first."""
    count = VERSIONS[periodicity]
    match periodicity:
        case Periodicity.WEEKLY:
            newest = today - timedelta(days=(today.weekday() - Weekday.SATURDAY) % 7)
            return [newest - timedelta(weeks=back) for back in range(count)]
        case Periodicity.MONTHLY:
            months = [today.year * 12 + today.month - 1 - back for back in range(1, count + 1)]
            return [date(month // 12, month % 12 + 1, 1) for month in months]
    return [today - timedelta(days=back) for back in range(count)]


def _as_csv(rows: Rows) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), delimiter=";", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _as_json(rows: Rows) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=1).encode() + b"\n"
