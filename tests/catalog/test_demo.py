from datetime import date
from typing import Any

import pytest
from django.core.files.base import ContentFile

from access.actors import Actor
from catalog.actions import receive_file, store_publication
from catalog.demo import PRODUCTS, build_publications, create_catalogue
from catalog.models import MacroProcess, Process, Product, Publication
from catalog.periods import Periodicity


def publish_demo(today: date) -> list[bool]:
    products, by = create_catalogue(), Actor.system("seed_demo")
    created = []
    for demo in build_publications(today):
        received = receive_file(ContentFile(demo.content, demo.file_name))
        product = products[demo.product_code]
        created.append(store_publication(product, period=demo.period, received=received, by=by).created)
    return created


@pytest.mark.django_db
@pytest.mark.parametrize("today", [date(2026, 11, 19), date(2024, 2, 29), date(2027, 1, 1)])
def test_demo_publishes_real_files_and_a_second_run_nothing(today: date) -> None:
    first = publish_demo(today)
    assert all(first)
    assert not any(publish_demo(today))
    assert Publication.objects.count() == len(first)
    assert (MacroProcess.objects.count(), Process.objects.count(), Product.objects.count()) == (3, 6, len(PRODUCTS))
    assert not Publication.objects.filter(size_bytes__lt=50).exists()
    assert set(Publication.objects.values_list("content_type", flat=True)) == {"text/csv", "application/json"}


@pytest.mark.django_db
def test_demo_has_every_periodicity_and_products_never_published() -> None:
    publish_demo(date(2026, 11, 19))
    assert set(Product.objects.values_list("periodicity", flat=True)) == set(Periodicity.values)
    assert Product.objects.filter(publications=None).count() == 2


@pytest.mark.django_db
def test_demo_keeps_what_somebody_has_changed() -> None:
    create_catalogue()
    Product.objects.filter(code="PRECOS-HORARIOS").update(name="Renamed")
    create_catalogue()
    assert Product.objects.get(code="PRECOS-HORARIOS").name == "Renamed"


def test_demo_is_the_same_every_time() -> None:
    def files() -> list[Any]:
        return list(build_publications(date(2026, 11, 19)))

    assert files() == files()
