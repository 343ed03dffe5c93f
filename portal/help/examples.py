"""Examples for the documentation: a signed request that anybody can check, and bodies made of one's own products."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from access.models import Participant
from catalog.models import Product, Publication
from dispatch.pages.requests import BodyLine, Line, curl_command, example_content, pretty_body, request_line
from webhooks.formats import FORMATS, render
from webhooks.formats.body import BodyFormat
from webhooks.models import ProductSubscription
from webhooks.plans import PlanParts, build_plan
from webhooks.sending import Message, build_request
from webhooks.trials import CAUSE, sample_content

# Published here, and therefore nobody's secret: whoever writes a receiver can check the example with it.
EXAMPLE_SECRET = "whsec_aW52ZW50ZWQgZm9yIHRoZSBkb2N1bWVudGF0aW9u"
EXAMPLE_URL = "http://127.0.0.1:9000/"
# A list to choose from, not a catalogue.
LONGEST_CHOICE = 200


@dataclass(frozen=True)
class FormatExample:
    format: BodyFormat
    body: Sequence[BodyLine]


@dataclass(frozen=True)
class RequestExample:
    """A request as it arrives, and the command that sends the very same one."""

    first_line: str
    host: str
    lines: Sequence[Line]
    body: str
    curl: str


def list_examples(participant: Participant) -> list[Publication]:
    """Return the last version of each product that the participant may see, those chosen for its webhooks first."""
    products = Product.objects.visible_to(participant)
    newest = Publication.objects.visible_to(participant).latest_of_each(products)
    newest = newest.select_related("product__process__macro_process").newest_first()
    chosen = set(
        ProductSubscription.objects.filter(
            webhook__participant=participant, webhook__archived_at__isnull=True
        ).values_list("product_id", flat=True)
    )
    found = sorted(newest[:LONGEST_CHOICE], key=lambda publication: publication.product_id not in chosen)
    return list(found)


def pick(found: Sequence[Publication], wanted: str) -> Publication | None:
    """Return the version of the product of this uuid; the first one when there is none."""
    matching = (publication for publication in found if str(publication.product.uuid) == wanted)
    return next(matching, found[0] if found else None)


def show_formats(publication: Publication | None, now: datetime) -> list[FormatExample]:
    """Return the body of a notification about `publication` in each format, of a test when there is none."""
    content = example_content(publication, now)
    return [FormatExample(each, pretty_body(render(name, content).body)) for name, each in FORMATS.items()]


def show_request(now: datetime) -> RequestExample:
    """Return a test as a receiver on the reader's machine gets it, signed with the published secret. Its file can be
    fetched, so that a receiver that downloads before it answers can be tried with it."""
    content = sample_content(now)
    rendered = render("documented", content)
    message = Message(uuid4(), uuid4(), content.type, CAUSE, rendered.body, rendered.content_type)
    request = build_request(build_plan(_example_parts()), message, now)
    lines = [Line(name, value) for name, value in request.headers]
    first_line, host = request_line(EXAMPLE_URL)
    text = rendered.body.decode()
    return RequestExample(first_line, host, lines, text, curl_command(EXAMPLE_URL, lines, text))


def _example_parts() -> PlanParts:
    return PlanParts(
        participant_id=0,
        url=EXAMPLE_URL,
        auth_method="none",
        auth_settings={},
        auth_secrets={},
        own_headers=(),
        private_ca="",
        signing_secrets=(EXAMPLE_SECRET,),
    )
