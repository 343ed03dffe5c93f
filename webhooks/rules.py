"""What a webhook must be before it is saved or tried. The same rules for pages, commands and programs."""

from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as _

from access.models import Participant
from catalog.models import Product
from connections.drafts import elsewhere_problem
from outbound.addresses import check_url
from outbound.errors import HeaderRefused, Refused, TlsRefused
from outbound.headers import check_header
from outbound.tls import check_ca
from webhooks import event_types, limits
from webhooks.drafts import Draft, DraftHeader
from webhooks.errors import Problem
from webhooks.formats import FORMATS
from webhooks.models import Backoff, RatePeriod, Webhook
from webhooks.tag_rules import find_tag_problems
from webhooks.values import WebhookValues

MAX_HEADERS = 50


def find_problems(draft: Draft, participant: Participant) -> list[Problem]:
    """Return everything that keeps this draft from being saved for the participant."""
    return [
        *find_request_problems(draft),
        *_description_problems(draft.values),
        *_retry_problems(draft.values),
        *_rate_problems(draft.values),
        *_subscription_problems(draft.values, participant),
        *_version_problems(draft),
        *find_holder_problems(draft.values, participant, draft.webhook),
    ]


def find_request_problems(draft: Draft) -> list[Problem]:
    """Return what keeps a request from being built: all that Testar needs to be right."""
    return [
        *_address_problems(draft.values.request_uri),
        *_format_problems(draft.values),
        *_elsewhere_problems(draft),
        *_auth_problems(draft),
        *_client_certificate_problems(draft),
        *_header_problems(draft),
        *find_tag_problems(draft),
        *_authority_problems(draft.values.private_ca),
    ]


def find_holder_problems(values: WebhookValues, participant: Participant, webhook: Webhook | None) -> Iterator[Problem]:
    """Only one webhook of a participant hears of suspect scores (UNICO-7): name the one that holds the place."""
    if not values.notify_suspect_score:
        return
    others = Webhook.objects.live().filter(participant=participant, notify_suspect_score=True)
    holder = (others.exclude(pk=webhook.pk) if webhook else others).first()
    if holder:
        message = _(
            "“%(holder)s” already receives the suspect score changes. Only one webhook can: switch it off there."
        )
        yield Problem("notify_suspect_score", "suspect_score_taken", message % {"holder": holder.description})


def _address_problems(url: str) -> Iterator[Problem]:
    if not url:
        yield Problem("request_uri", "required", _("This field is required."))
        return
    try:
        check_url(url)
    except Refused as refused:
        yield Problem("request_uri", refused.code, refused.message)


def _description_problems(values: WebhookValues) -> Iterator[Problem]:
    if not values.description.strip():
        yield Problem("description", "required", _("This field is required."))
    elif len(values.description) > 120:
        yield Problem("description", "too_long", _("At most %(limit)s characters.") % {"limit": 120})
    elif not values.description.isprintable():
        yield Problem("description", "unprintable", _("Use letters, digits and signs that can be seen."))


def _retry_problems(values: WebhookValues) -> Iterator[Problem]:
    interval, attempts = values.retry_interval_seconds, values.max_attempts
    within = True
    if not limits.MIN_INTERVAL_MINUTES * 60 <= interval <= limits.MAX_INTERVAL_MINUTES * 60:
        within = False
        yield Problem("retry_interval_minutes", "interval_range", _("Enter 1 to 1,440 minutes."))
    if not 1 <= attempts <= limits.MAX_ATTEMPTS:
        within = False
        yield Problem("max_attempts", "attempts_range", _("Enter 1 to 20 attempts."))
    if values.backoff not in Backoff.values:
        within = False
        yield Problem("backoff", "unknown", _("Choose one of the options."))
    if within:
        yield from _link_life_problems(values)


def _link_life_problems(values: WebhookValues) -> Iterator[Problem]:
    """The download link's life starts with the first attempt, and the receiver needs a day to use it after the last."""
    days = settings.PORTAL_DOWNLOAD_LINK_DAYS
    allowed = limits.compute_allowed_attempts(values.retry_interval_seconds, values.backoff, days)
    if values.max_attempts > allowed:
        message = _(
            "The last attempt would come later than %(days)s days after the first, when the download link is about to "
            "expire. With this interval at most %(allowed)s attempts fit: lower one of the two."
        )
        yield Problem("max_attempts", "beyond_link_life", message % {"days": days - 1, "allowed": allowed})


def _rate_problems(values: WebhookValues) -> Iterator[Problem]:
    count, period = values.rate_limit_count, values.rate_limit_period_seconds
    if count is None and period is None:
        return
    if count is None or not 1 <= count <= limits.MAX_RATE:
        message = _("Enter 1 to 10,000 requests, or leave it empty for no limit.")
        yield Problem("rate_limit_count", "rate_range", message)
    if period not in RatePeriod.values:
        yield Problem("rate_limit_period_seconds", "unknown", _("Choose one of the options."))


def _format_problems(values: WebhookValues) -> Iterator[Problem]:
    if values.body_format not in FORMATS:
        yield Problem("body_format", "unknown", _("Choose one of the options."))


def _auth_problems(draft: Draft) -> Iterator[Problem]:
    if draft.method is None:
        yield Problem("auth_method", "unknown", _("Choose one of the options."))
    else:
        yield from draft.auth_problems()


def _elsewhere_problems(draft: Draft) -> Iterator[Problem]:
    """Whoever changes the address must know what is sent there."""
    for field in draft.again:
        problem = elsewhere_problem(field)
        yield Problem(problem.field, problem.code, problem.message)


def _client_certificate_problems(draft: Draft) -> Iterator[Problem]:
    for refusal in draft.client_key_pair.problems:
        yield Problem(f"client_key_pair.{refusal.field}", refusal.code, refusal.message)


def _header_problems(draft: Draft) -> Iterator[Problem]:
    """One source per header name: the second is refused and told which is the first."""
    sources: dict[str, str] = {}
    if draft.method is not None:
        for name, setting in draft.method.header_names(draft.auth_settings):
            if name.lower() in sources:
                yield _taken(f"auth.{setting}", name, sources[name.lower()])
            sources.setdefault(name.lower(), str(draft.method.label))
    for index, header in enumerate(draft.headers):
        if problem := _one_header_problem(index, header):
            yield problem
        elif header.name.lower() in sources:
            yield _taken(f"headers.{index}.name", header.name, sources[header.name.lower()])
        else:
            sources[header.name.lower()] = _("header %(number)s") % {"number": index + 1}
    if len(draft.headers) > MAX_HEADERS:
        yield Problem("headers", "too_many", _("At most %(limit)s headers.") % {"limit": MAX_HEADERS})


def _one_header_problem(index: int, header: DraftHeader) -> Problem | None:
    if not header.name:
        return Problem(f"headers.{index}.name", "required", _("Enter the header's name."))
    if header.hidden:
        message = _("A stored secret is never shown. To make this value visible, enter it again.")
        return Problem(f"headers.{index}.value", "secret_hidden", message)
    try:
        check_header(header.name, header.value or "x")
    except HeaderRefused as refused:
        part = "value" if refused.code.startswith("header_value") else "name"
        return Problem(f"headers.{index}.{part}", refused.code, refused.message)
    if not header.value:
        return Problem(f"headers.{index}.value", "required", _("Enter the header's value."))
    return None


def _taken(field: str, name: str, first: str) -> Problem:
    message = _("%(name)s is already set by: %(first)s. A header has one source only.")
    return Problem(field, "header_taken", message % {"name": name, "first": first})


def _authority_problems(pem: str) -> Iterator[Problem]:
    """Own authorities replace the usual ones for this webhook."""
    if not pem:
        return
    try:
        # PostgreSQL stores no NUL, and none belongs into a certificate.
        check_ca(pem.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    except TlsRefused as refused:
        yield Problem("private_ca", refused.code, refused.message)


def _subscription_problems(values: WebhookValues, participant: Participant) -> Iterator[Problem]:
    visible = Product.objects.visible_to(participant).filter(uuid__in=values.products).count()
    if visible < len(values.products):
        message = _("A product that was selected is no longer available. It has been taken off the list: save again.")
        yield Problem("products", "product_unknown", message)
    if not (values.event_types or frozenset()) <= event_types.subscribable_names():
        yield Problem("event_types", "unknown", _("Choose one of the options."))


def _version_problems(draft: Draft) -> Iterator[Problem]:
    current = draft.webhook.current_version if draft.webhook else None
    if current and draft.values.seen_version not in (None, current.number):
        message = _(
            "%(who)s saved this webhook while you were editing it. Nothing of yours is lost: "
            "look at it again, then save to replace what was saved meanwhile."
        )
        yield Problem("", "changed_meanwhile", message % {"who": current.by})
