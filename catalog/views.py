"""Pages of the catalogue for participants, and the download for people who are signed in."""

from typing import cast
from urllib.parse import urlencode
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from access.decorators import participant_page
from access.models import Participant
from access.requests import PortalRequest
from catalog.file_answers import answer_file
from catalog.forms import PublicationFilter
from catalog.models import Product, Publication
from catalog.overview import build_groups, build_rows, compute_figures, read_choices

PRODUCTS_A_PAGE = 50
VERSIONS_A_PAGE = 25


@require_safe
@participant_page()
def publication_list(request: PortalRequest) -> HttpResponse:
    participant = cast(Participant, request.actor.participant)
    shown = PublicationFilter(request.GET)
    words, periodicity = shown.chosen("q"), shown.chosen("periodicity")
    products = Product.objects.visible_to(participant).matching(words).in_page_order()
    if periodicity:
        products = products.filter(periodicity=periodicity)
    choices = read_choices(products, request)
    choice = next((each for each in choices if each.code == request.GET.get("webhooks")), None)
    if choice:
        products = products.filter(choice.condition)
    page = Paginator(products, PRODUCTS_A_PAGE).get_page(request.GET.get("page"))
    rows = build_rows(page.object_list, request=request, open_product=request.GET.get("open", ""))
    tells = any(row.told is not None for row in rows)
    folded = [key for key in request.GET.get("folded", "").split("-") if key.isascii() and key.isdigit()]
    groups = build_groups(rows, folded)
    parameters = {"q": words, "periodicity": periodicity, "webhooks": choice and choice.code}
    context = {
        "choice": choice.code if choice else "",
        "choices": choices,
        "groups": groups,
        "all_folded": "-".join(str(group.macro_process.pk) for group in groups),
        "any_open": any(not group.folded for group in groups),
        "columns": 7 if tells else 6,
        "filter": shown,
        "filtered": bool(words or periodicity or choice),
        "figures": compute_figures(participant),
        "page": page,
        "query": urlencode({name: text for name, text in parameters.items() if text}),
        "rows": rows,
        "tells": tells,
    }
    return render(request, "catalog/publication_list.html", context)


@require_safe
@participant_page()
def product_detail(request: PortalRequest, uuid: UUID) -> HttpResponse:
    visible = Product.objects.visible_to(cast(Participant, request.actor.participant))
    product = get_object_or_404(visible.select_related("process__macro_process"), uuid=uuid)
    versions = product.publications.published().newest_first()
    page = Paginator(versions, VERSIONS_A_PAGE).get_page(request.GET.get("page"))
    context = {"product": product, "page": page, "latest": versions.first()}
    return render(request, "catalog/product_detail.html", context)


@require_safe
@participant_page()
def publication_file(request: PortalRequest, uuid: UUID) -> HttpResponse:
    visible = Publication.objects.visible_to(cast(Participant, request.actor.participant))
    publication = get_object_or_404(visible, uuid=uuid)
    return cast(HttpResponse, answer_file(request, publication).response)
