"""The floors, where import-linter is blind: names of pages and templates, lazy model names, signals."""

import re
from pathlib import Path
from weakref import ReferenceType

import pytest
from django.apps import apps
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from tests.structure.source import APPS, FLOORS, ROOT, app_of, may_name, python_files, templates, texts_of

_APP = "|".join(APPS)
_PAGE = re.compile(rf"(?:({_APP}):[a-z][a-z0-9-]*|admin:({_APP})_\w+)")
_TEMPLATE = re.compile(rf"({_APP})/[\w/-]+\.html")
_MODEL = re.compile(rf"({_APP})\.[A-Z]\w+")
_TAG = re.compile(r"{%-?\s*(?:url|include|extends)\s+(['\"])(.+?)\1")


def test_the_floors_name_every_app() -> None:
    ours = {config.name for config in apps.get_app_configs() if (ROOT / config.name).is_dir()}
    assert ours | {"outbound"} == set(FLOORS)


@pytest.mark.parametrize("app", APPS)
def test_relations_of_models_point_downward(app: str) -> None:
    if app == "outbound":
        return
    above = [
        f"{model.__name__}.{field.name} -> {field.related_model._meta.label}"
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if field.is_relation and not field.auto_created and _is_above(app, field.related_model)
    ]
    assert not above


def _is_above(app: str, related: type[Model] | str | None) -> bool:
    return (
        related is not None
        and not isinstance(related, str)
        and related._meta.app_label in FLOORS
        and not may_name(app, related._meta.app_label)
    )


@pytest.mark.parametrize("app", APPS)
def test_python_names_no_page_template_or_model_from_above(app: str) -> None:
    above = []
    for path in (path for path in python_files() if app_of(path) == app):
        for line, text in texts_of(path):
            for pattern in (_PAGE, _TEMPLATE, _MODEL):
                match = pattern.fullmatch(text)
                if match and not may_name(app, next(filter(None, match.groups()))):
                    above.append(f"{path.relative_to(ROOT)}:{line} {text}")
    assert not above


@pytest.mark.parametrize("path", list(templates()), ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_name_nothing_from_above(path: Path) -> None:
    app = app_of(path)
    if not app:
        return
    above = []
    for _, name in _TAG.findall(path.read_text()):
        match = _PAGE.fullmatch(name) or _TEMPLATE.fullmatch(name)
        if match and not may_name(app, next(filter(None, match.groups()))):
            above.append(name)
    assert not above


@pytest.mark.parametrize("signal", [pre_save, post_save, pre_delete, post_delete, m2m_changed])
def test_no_app_hears_model_signals(signal: object) -> None:
    heard = [str(reference) for _, reference, *_ in signal.receivers if _module_of(reference) in FLOORS]  # type: ignore[attr-defined]
    assert not heard


def _module_of(reference: object) -> str:
    hearer = reference() if isinstance(reference, ReferenceType) else reference
    return str(getattr(hearer, "__module__", "")).partition(".")[0]


def test_every_signal_is_listed_in_the_architecture_page() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    pattern = re.compile(r"^(\w+) = Signal\(", re.MULTILINE)
    signals = [f"{app_of(path)}.{name}" for path in python_files() for name in pattern.findall(path.read_text())]
    assert [name for name in signals if name not in page] == []
