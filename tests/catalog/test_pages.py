"""The participants' pages of the catalogue: ONS-20, and X-4 for what another participant may not see."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import Q
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from access import slots
from access.actors import Actor
from catalog.actions import withdraw_publication
from catalog.models import Download, Publication
from tests.factories import make_macro_process, make_process, make_product, make_publication
from tests.people import Person

LIST = "/publications/"


def file_path(publication: Publication) -> str:
    return reverse("catalog:publication-file", args=[publication.uuid])


def product_path(product: Any) -> str:
    return reverse("catalog:product-detail", args=[product.uuid])


def test_products_stand_under_process_and_macro_process(viewer: Person) -> None:
    macro = make_macro_process(code="1", name="Settlement")
    process = make_process(code="1.1", name="Accounting", macro_process=macro)
    product = make_product(process=process, name="Hourly prices", periodicity="monthly")
    make_publication(product, period="2026-10", content=b"x" * 2048)
    page = viewer.client.get(LIST).content.decode()
    places = [page.index(words) for words in ("Settlement", "Accounting", "Hourly prices", ">Monthly</td>", "10/2026")]
    assert places == sorted(places)
    assert "2.0\N{NO-BREAK SPACE}KB" in page


def test_last_version_is_shown_and_may_be_fetched(viewer: Person) -> None:
    product = make_product()
    make_publication(product, period="2026-10-01")
    newest = make_publication(product, period="2026-10-02", content=b"hour;price\n1;7\n")
    page = viewer.client.get(LIST).content.decode()
    assert "02/10/2026" in page
    assert "01/10/2026" not in page
    assert file_path(newest) in page
    response = viewer.client.get(file_path(newest))
    assert b"".join(response) == b"hour;price\n1;7\n"
    assert response["Content-Disposition"] == 'attachment; filename="data.csv"'


def test_download_of_a_person_counts_for_no_delivery(viewer: Person) -> None:
    viewer.client.get(file_path(make_publication()))
    assert not Download.objects.exists()


def test_product_without_a_version_is_listed_without_a_link(viewer: Person) -> None:
    make_product(name="Never published")
    page = viewer.client.get(LIST).content.decode()
    assert "Never published" in page
    assert "No version" in page
    assert "/file" not in page


@pytest.mark.parametrize(
    "path",
    [LIST, f"/publications/{uuid4()}/file", f"/publications/products/{uuid4()}/"],
    ids=["list", "file", "product"],
)
def test_pages_ask_for_a_login(db: None, client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_pages_take_no_other_method(viewer: Person, method: str) -> None:
    publication = make_publication()
    for path in (LIST, file_path(publication), product_path(publication.product)):
        assert getattr(viewer.client, method)(path).status_code == 405


def test_granted_product_is_seen_by_its_audience_only(owner: Person, outsider: Person) -> None:
    product = make_product(name="For Vento", granted_to=[owner.participant])
    publication = make_publication(product)
    for path in (file_path(publication), product_path(product)):
        assert owner.client.get(path).status_code == 200
        assert outsider.client.get(path).status_code == 404
    assert "For Vento" in owner.client.get(LIST).content.decode()
    assert "For Vento" not in outsider.client.get(LIST).content.decode()
    assert "For Vento" not in outsider.client.get(LIST, {"q": "Vento", "open": str(product.uuid)}).content.decode()


def test_grants_of_a_product_for_everyone_hide_it_from_nobody(owner: Person, outsider: Person) -> None:
    product = make_product(name="For all", audience="all", granted_to=[owner.participant])
    assert outsider.client.get(product_path(product)).status_code == 200


@pytest.mark.parametrize("state", ["inactive", "embargoed", "withdrawn"])
def test_what_is_not_public_answers_404_to_people_too(viewer: Person, state: str) -> None:
    product = make_product(name="Hidden or not")
    publish_at = timezone.now() + timedelta(days=1) if state == "embargoed" else None
    publication = make_publication(product, period="2026-10-02", publish_at=publish_at)
    if state == "withdrawn":
        withdraw_publication(publication, reason="Wrong", by=Actor.system("test"))
    if state == "inactive":
        type(product).objects.update(active=False)
    assert viewer.client.get(file_path(publication)).status_code == 404
    page = viewer.client.get(LIST).content.decode()
    assert ("Hidden or not" in page) == (state != "inactive")
    assert "02/10/2026" not in page


def test_file_of_a_person_obeys_ranges_and_head(viewer: Person) -> None:
    path = file_path(make_publication(content=b"0123456789"))
    assert b"".join(viewer.client.get(path, headers={"range": "bytes=2-4"})) == b"234"
    assert viewer.client.head(path)["Content-Length"] == "10"


def test_search_looks_at_product_code_process_and_macro_process(viewer: Person) -> None:
    macro = make_macro_process(name="Liquidação")
    process = make_process(name="Contabilização", macro_process=macro)
    make_product(name="Preços Horários", code="PLD-H", process=process)
    make_product(name="Garantias")
    for words in ("preços", "pld-h", "Contabilização", "Liquidação", "horários liquidação"):
        page = viewer.client.get(LIST, {"q": words}).content.decode()
        assert "Preços Horários" in page, words
        assert "Garantias" not in page, words
    page = viewer.client.get(LIST, {"q": "nothing like it"}).content.decode()
    assert "No product matches" in page


def test_the_choices_count_what_the_search_found(viewer: Person) -> None:
    for name in ("Prices", "Bids"):
        make_product(name=name)
    with slots.filled("product_choices", lambda request: {"all": ("Every one", Q())}):
        assert "Every one <b>2</b>" in viewer.client.get(LIST).content.decode()
        assert "Every one <b>1</b>" in viewer.client.get(LIST, {"q": "bid"}).content.decode()


def test_periodicity_narrows_the_list(viewer: Person) -> None:
    make_product(name="Every day", periodicity="daily")
    make_product(name="Every month", periodicity="monthly")
    page = viewer.client.get(LIST, {"periodicity": "monthly"}).content.decode()
    assert "Every month" in page
    assert "Every day" not in page


def test_group_folds_to_its_name_and_count_and_unfolds_again(viewer: Person) -> None:
    first, second = make_macro_process(name="Settlement"), make_macro_process(name="Metering")
    for macro, name in ((first, "Prices"), (first, "Adjustments"), (second, "Meters")):
        make_product(name=name, process=make_process(macro_process=macro))

    folded = viewer.client.get(LIST, {"folded": str(first.pk)}).content.decode()

    assert ("Prices" in folded, "Adjustments" in folded, "Meters" in folded) == (False, False, True)
    assert "2 products</span>" in folded
    assert f'href="?#group-{first.pk}" aria-expanded="false"' in folded
    assert f'href="?folded={first.pk}-{second.pk}#group-{second.pk}" aria-expanded="true"' in folded


def test_all_groups_fold_and_unfold_at_once(viewer: Person) -> None:
    macro = make_macro_process()
    make_product(name="Prices", process=make_process(macro_process=macro))

    assert f'href="?folded={macro.pk}">Fold groups' in viewer.client.get(LIST).content.decode()
    folded = viewer.client.get(LIST, {"folded": str(macro.pk)}).content.decode()

    assert "Prices" not in folded
    assert "Unfold groups" in folded


@pytest.mark.parametrize(
    "query",
    [
        *({"q": "\0"}, {"q": "x" * 5000}, {"q": "%' OR 1=1 --"}, {"q": "<script>alert(1)</script>"}, {"open": "x"}),
        *({"periodicity": "hourly"}, {"page": "x"}, {"page": "-1"}, {"page": "99999999999"}),
        *({"webhooks": "x"}, {"folded": "x"}, {"folded": "-1--²"}, {"folded": "9" * 50}),
    ],
    ids=lambda query: str(query)[:40],
)
def test_nonsense_in_the_address_is_no_error(viewer: Person, query: dict[str, str]) -> None:
    make_product()
    response = viewer.client.get(LIST, query)
    assert response.status_code == 200
    assert b"<script>alert" not in response.content


def test_row_unfolds_into_its_versions(viewer: Person) -> None:
    product = make_product(name="Hourly prices")
    for day in range(1, 7):
        make_publication(product, period=f"2026-10-0{day}")
    page = viewer.client.get(LIST, {"open": str(product.uuid)}).content.decode()
    assert "4 of 6" in page
    assert [f"0{day}/10/2026" in page for day in range(1, 7)] == [False, False, True, True, True, True]
    assert 'aria-expanded="true"' in page


def test_history_lists_every_version_newest_first(viewer: Person) -> None:
    product = make_product()
    made = [make_publication(product, period="2026-10-01", content=b"%d" % n) for n in range(3)]
    page = viewer.client.get(product_path(product)).content.decode()
    places = [page.index(publication.sha256) for publication in reversed(made)]
    assert places == sorted(places)


def test_history_comes_in_pages(viewer: Person) -> None:
    product = make_product()
    for number in range(26):
        make_publication(product, content=b"%d" % number)
    assert "1 to 25 of 26" in viewer.client.get(product_path(product)).content.decode()
    assert "26 to 26 of 26" in viewer.client.get(product_path(product), {"page": 2}).content.decode()


def test_figures_count_what_the_participant_sees(owner: Person, outsider: Person) -> None:
    process = make_process()
    make_publication(make_product(process=process))
    make_publication(make_product(process=process), published_at=timezone.now() - timedelta(days=2))
    make_publication(make_product(granted_to=[outsider.participant]))
    make_product(process=process)
    page = owner.client.get(LIST).content.decode()
    assert "3 products · 1 macro-process · 2 with a published version · 1 published today" in page


def test_floor_above_says_who_was_told(viewer: Person) -> None:
    told, untold = make_product(name="Told"), make_product(name="Untold")
    newest = make_publication(told)
    asked: list[dict[int, Any]] = []

    def states(request: Any, *, latest: dict[int, Any]) -> dict[int, Any]:
        asked.append(latest)
        return {told.pk: format_html("<b>{}</b>", "2 of 2 told")}

    def panel(request: Any, *, publication: Publication) -> Any:
        assert request.actor.participant == viewer.participant
        return format_html("<p>panel of {}</p>", publication.uuid)

    with slots.filled("product_webhook_states", states), slots.filled("publication_webhooks", panel):
        page = viewer.client.get(LIST, {"open": str(told.uuid)}).content.decode()
        history = viewer.client.get(product_path(told)).content.decode()
    assert asked == [{told.pk: newest, untold.pk: None}]
    assert "<b>2 of 2 told</b>" in page
    assert "My webhooks" in page
    assert f"<p>panel of {newest.uuid}</p>" in page
    assert f"<p>panel of {newest.uuid}</p>" in history


def test_list_asks_the_database_the_same_for_any_length(viewer: Person, django_assert_max_num_queries: Any) -> None:
    for _ in range(60):
        make_publication()
    first = Publication.objects.first()
    assert first is not None
    viewer.client.get(LIST)
    with django_assert_max_num_queries(14):
        page = viewer.client.get(LIST, {"open": str(first.product.uuid)}).content.decode()
    assert "1 to 50 of 60" in page
    with django_assert_max_num_queries(14):
        viewer.client.get(product_path(first.product))


def test_pages_obey_the_content_policy(viewer: Person) -> None:
    product = make_publication().product
    for path in (f"{LIST}?open={product.uuid}", product_path(product)):
        page = viewer.client.get(path).content.decode()
        for forbidden in (" style=", "<style", " onclick", "javascript:", "hx-on"):
            assert forbidden not in page
