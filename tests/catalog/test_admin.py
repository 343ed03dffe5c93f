"""The catalogue in the admin: what staff keep there, what they may only look at, and the trail of it (GSAN-1)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.models import AuditEntry
from catalog.admin import PublicationAdminBase
from catalog.models import Download, MacroProcess, Product, ProductGrant, Publication
from tests.factories import make_participant, make_process, make_product, make_publication, make_user
from tests.people import Person


def form_of(product: Any = None, **over: Any) -> dict[str, Any]:
    fields = {
        "name": "Preços Horários",
        "code": "PLD-H",
        "process": over.pop("process", None) or (product and product.process_id),
        "active": "on",
        "periodicity": "daily",
        "week_starts_on": "5",
        "audience": "all",
        "grants-TOTAL_FORMS": "0",
        "grants-INITIAL_FORMS": "0",
    }
    return fields | over


ADD = "/admin/catalog/product/add/"


def test_officer_makes_a_product_with_its_audience(officer: Person) -> None:
    process, participant = make_process(), make_participant()
    grant = {"grants-TOTAL_FORMS": "1", "grants-0-participant": str(participant.pk)}
    response = officer.client.post(ADD, form_of(process=process.pk, audience="granted", **grant))
    assert response.status_code == 302, response.context["errors"]
    product = Product.objects.get()
    assert (product.code, product.week_starts_on, product.audience) == ("PLD-H", 5, "granted")
    assert ProductGrant.objects.get().participant == participant
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert actions == {"catalog.product.created", "catalog.productgrant.created"}
    assert AuditEntry.objects.get(action="catalog.productgrant.created").participant == participant


def test_change_leaves_before_and_after(officer: Person) -> None:
    product = make_product(name="Before", code="PLD-H")
    path = reverse("admin:catalog_product_change", args=[product.pk])
    assert officer.client.post(path, form_of(product, name="After")).status_code == 302
    entry = AuditEntry.objects.get(action="catalog.product.updated")
    assert (entry.before, entry.after) == ({"name": "Before"}, {"name": "After"})
    assert entry.actor_user == officer.user


@pytest.mark.parametrize(
    "over",
    [
        *({"code": ""}, {"code": "two words"}, {"code": "a/b"}, {"name": "nul\0"}, {"name": "x" * 161}),
        *({"periodicity": "hourly"}, {"week_starts_on": "7"}, {"process": "999999"}),
    ],
    ids=str,
)
def test_bad_product_is_refused_beside_its_field(officer: Person, over: dict[str, str]) -> None:
    response = officer.client.post(ADD, form_of(**({"process": make_process().pk} | over)))
    assert response.status_code == 200
    assert response.context["adminform"].form.errors.keys() == over.keys()
    assert not Product.objects.exists()


def test_code_is_taken_once(officer: Person) -> None:
    product = make_product(code="PLD-H")
    response = officer.client.post(ADD, form_of(product))
    assert response.context["adminform"].form.errors.keys() == {"code"}


def test_periodicity_stands_once_something_is_published(officer: Person) -> None:
    product = make_product(code="PLD-H")
    make_publication(product)
    path = reverse("admin:catalog_product_change", args=[product.pk])
    assert officer.client.post(path, form_of(product, periodicity="monthly")).status_code == 302
    assert Product.objects.get().periodicity == "daily"


def test_products_are_made_inactive_never_deleted(officer: Person) -> None:
    product = make_product()
    path = reverse("admin:catalog_product_delete", args=[product.pk])
    assert officer.client.post(path, {"post": "yes"}).status_code == 403
    assert Product.objects.exists()


def test_heading_with_products_cannot_be_deleted(officer: Person) -> None:
    product = make_product()
    path = reverse("admin:catalog_macroprocess_delete", args=[product.process.macro_process_id])
    officer.client.post(path, {"post": "yes"})
    assert MacroProcess.objects.exists()


@pytest.mark.parametrize("model", ["macroprocess", "process", "product"])
def test_lists_answer_searches_in_few_queries(officer: Person, model: str, django_assert_max_num_queries: Any) -> None:
    for _ in range(12):
        make_product()
    path = f"/admin/catalog/{model}/"
    officer.client.get(path)
    with django_assert_max_num_queries(8):
        assert officer.client.get(path, {"q": "p"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/admin/catalog/product/", ADD, "/admin/catalog/process/", "/admin/catalog/macroprocess/"]
)
def test_admin_is_for_staff_with_the_permission(owner: Person, path: str) -> None:
    clerk = make_user(is_staff=True)
    client = Client()
    client.force_login(clerk)
    assert client.get(path).status_code == 403
    assert owner.client.get(path).status_code in (302, 403)
    assert Client().get(path).status_code == 302


# --- publications: the base that the floor above registers ----------------------------------------------------


@pytest.fixture
def base() -> PublicationAdminBase:
    return PublicationAdminBase(Publication, admin.site)


def request_of(user: Any, method: str = "GET") -> Any:
    from django.test import RequestFactory

    request = RequestFactory().generic(method, "/")
    request.user = user
    return request


def test_publications_are_only_looked_at(officer: Person, base: PublicationAdminBase) -> None:
    request = request_of(officer.user)
    assert base.has_view_permission(request)
    assert not base.has_add_permission(request)
    assert not base.has_change_permission(request)
    assert not base.has_delete_permission(request)


def test_staff_fetch_the_file_with_the_permission_to_view(officer: Person, base: PublicationAdminBase) -> None:
    from django.core.exceptions import PermissionDenied

    publication = make_publication(content=b"hour;price\n1;7\n")
    response = base.file_view(request_of(officer.user), publication.pk)
    assert b"".join(response) == b"hour;price\n1;7\n"
    clerk = make_user(is_staff=True)
    with pytest.raises(PermissionDenied):
        base.file_view(request_of(clerk), publication.pk)
    clerk.user_permissions.add(Permission.objects.get(codename="view_publication"))
    clerk = type(clerk).objects.get(pk=clerk.pk)
    assert base.file_view(request_of(clerk), publication.pk).status_code == 200
    with pytest.raises(PermissionDenied):
        base.file_view(request_of(clerk, "POST"), publication.pk)


def test_publishing_and_withdrawing_have_permissions_of_their_own(db: None) -> None:
    codenames = Permission.objects.filter(content_type__model="publication").values_list("codename", flat=True)
    assert set(codenames) == {"view_publication", "publish_publication", "withdraw_publication"}


def test_list_of_publications_goes_by_the_time_that_it_shows(officer: Person) -> None:
    day = timezone.now()
    early = make_publication(published_at=day - timedelta(days=40))
    late = make_publication(published_at=day)
    # Made after the others, published in between, as one whose embargo ended.
    between = make_publication(published_at=day - timedelta(days=1))
    for count in (2, 3):
        Download.objects.create(publication=early, delivery_uuid=uuid4(), count=count)
    changes = officer.client.get("/admin/catalog/publication/").context["cl"]
    assert list(changes.result_list) == [late, between, early]
    assert changes.date_hierarchy == "published_at"
    assert [row.downloads_sum for row in changes.result_list] == [0, 0, 5]


def test_list_of_publications_counts_downloads_without_grouping_the_table(
    officer: Person, base: PublicationAdminBase
) -> None:
    rows = base.get_queryset(request_of(officer.user))
    assert not rows.query.group_by


@pytest.mark.parametrize("withdrawn", [True, False])
def test_card_of_the_withdrawal_is_there_for_one_that_was_withdrawn(officer: Person, withdrawn: bool) -> None:
    stamps = {"withdrawn_at": timezone.now(), "withdrawn_reason": "Wrong file", "withdrawn_by": "Desk"}
    publication = make_publication(**stamps if withdrawn else {})
    page = officer.client.get(f"/admin/catalog/publication/{publication.pk}/change/").content.decode()
    assert ("Reason for the withdrawal" in page) is withdrawn
    assert str(publication.uuid) in page


def test_product_that_is_not_there_yet_has_no_history(officer: Person) -> None:
    cards = officer.client.get(ADD).context["adminform"].fieldsets
    assert [str(title) for title, _options in cards if title] == ["Periods", "Audience"]
    product = make_product()
    shown = officer.client.get(f"/admin/catalog/product/{product.pk}/change/").context["adminform"].fieldsets
    # The list of those in the audience follows the last card.
    assert [str(title) for title, _options in shown if title] == ["Periods", "History", "Audience"]
