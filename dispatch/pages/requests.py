"""The request that a webhook is sent, as people may see it: as it goes over the wire, and as a curl command.

Secrets never get here: headers come masked, and a masked value becomes a shell variable in the command.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from access.actors import Actor
from access.roles import Role
from catalog.content import EVENT_TYPE, publication_payload
from catalog.models import Publication
from connections.errors import CannotUse
from dispatch.models import Cause
from dispatch.payloads import dump
from outbound.masking import MASK, masked_url
from vault.errors import UnreadableSecret
from webhooks.auth.method import AUTHORIZATION
from webhooks.diagnosis import DIAGNOSES, Diagnosis
from webhooks.errors import CannotPlan
from webhooks.formats import EventContent, FormatError, render
from webhooks.models import Webhook
from webhooks.plans import SendPlan, build_plan
from webhooks.sending import Message, build_request, parts_of, redacted_headers
from webhooks.tags import has_tags
from webhooks.trials import sample_content

_KEY = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*":)(.*)$')
# Different on every sending; the panel says so instead of showing one of them.
_LIVE_HEADERS = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature", "gancho-event-id"})
_NOBODY = UUID(int=0)


@dataclass(frozen=True)
class Line:
    """A header: `kind` is "", "secret" for a masked value, or "live" for one that is made at the moment of sending."""

    name: str
    value: str
    kind: str = ""


@dataclass(frozen=True)
class BodyLine:
    """A line of a body written out for reading: blanks, a name with its colon, the rest."""

    indent: str
    key: str
    rest: str


@dataclass(frozen=True)
class RequestPanel:
    """`lines` and `curl` are empty for those who may not see headers; `problem` when nothing could be sent at all."""

    first_line: str
    host: str
    lines: Sequence[Line]
    body: Sequence[BodyLine]
    curl: str = ""
    problem: Diagnosis | None = None


def build_panel(webhook: Webhook, publication: Publication | None, *, actor: Actor, now: datetime) -> RequestPanel:
    """Return the request by which `webhook` is told of `publication`, or of a test when there is none.

    One query, none for those who see no headers. The publication's product and its process must be loaded.
    """
    content = example_content(publication, now)
    try:
        rendered = render(webhook.body_format, content)
    except FormatError:
        rendered = render("documented", content)
    shown_url = webhook.request_uri if actor.can(Role.TECHNICAL) else masked_url(webhook.request_uri)
    first_line, host = request_line(shown_url)
    body = pretty_body(rendered.body)
    if not actor.can(Role.TECHNICAL):
        return RequestPanel(first_line, host, (), body)
    try:
        plan = build_plan(parts_of(webhook, webhook.headers.order_by("position", "pk")))
    except UnreadableSecret:
        return RequestPanel(first_line, host, (), body, problem=DIAGNOSES["secret_unreadable"])
    except (CannotPlan, CannotUse) as cannot:
        return RequestPanel(first_line, host, (), body, problem=DIAGNOSES.get(cannot.code))
    message = Message(_NOBODY, _NOBODY, content.type, Cause.AUTOMATIC, rendered.body, rendered.content_type)
    headers = redacted_headers(plan, build_request(plan, message, now))
    lines = [_mark(name, value) for name, value in _as_written(plan, headers)]
    curl = curl_command(shown_url, lines, rendered.body.decode())
    return RequestPanel(first_line, host, lines, body, curl)


def example_content(publication: Publication | None, now: datetime) -> EventContent:
    """What a notification of `publication` says, or of a test when there is none.

    The link in it opens nothing: a real one is made for a delivery only.
    """
    if publication is None:
        return sample_content(now)
    link = settings.PORTAL_DOWNLOAD_BASE_URL + reverse("catalog:download", args=["TOKEN"]).replace("TOKEN", "…")
    occurred_at = publication.published_at or now
    return EventContent(EVENT_TYPE, occurred_at, dump(publication_payload(publication)), link)


def _as_written(plan: SendPlan, headers: Iterable[Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Put the token in its place, which nobody fetches in order to look at this, and tags back into theirs."""
    if plan.token:
        yield AUTHORIZATION, f"Bearer {MASK}"
    tagged = {name: value for name, value in plan.headers if has_tags(value) and name.lower() not in plan.secret_names}
    for name, value in headers:
        yield name, tagged.get(name, value)


def _mark(name: str, value: str) -> Line:
    if MASK in value:
        return Line(name, value, "secret")
    if name.lower() == "webhook-signature":
        return Line(name, _("v1,computed when it is sent"), "live")
    if has_tags(value):
        return Line(name, value, "live")
    if name.lower() in _LIVE_HEADERS:
        return Line(name, _("made when it is sent"), "live")
    return Line(name, value)


def stored_lines(headers: Iterable[Sequence[str]]) -> list[Line]:
    """Return stored headers, which were masked before they were stored, for showing."""
    return [Line(name, value, "secret" if MASK in value else "") for name, value in headers]


def request_line(url: str) -> tuple[str, str]:
    """Return (request line, Host) of a POST to `url`, which may be masked. Never raises."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "POST", ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return f"POST {target} HTTP/1.1", parts.netloc


def pretty_body(body: bytes) -> list[BodyLine]:
    """Return a body in lines for reading; one that is not JSON comes as it is."""
    text = body.decode("utf-8", "replace")
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return [BodyLine("", "", line) for line in text.splitlines()]
    found = ((_KEY.match(line), line) for line in text.splitlines())
    return [BodyLine(*match.groups()) if match else BodyLine("", "", line) for match, line in found]


def curl_command(url: str, lines: Iterable[Line], body: str) -> str:
    """Return a command for a POSIX shell that sends the request; what is secret or live stands in variables."""
    words = [f"curl -i --globoff -X POST {_quoted(url)}"]
    for line in lines:
        if line.kind:
            # A header's name may hold a backtick or a dollar sign: a shell gets to read the variable only.
            words.append(f'-H {_quoted(f"{line.name}: ")}"${_variable(line.name)}"')
        else:
            words.append(f"-H {_quoted(f'{line.name}: {line.value}')}")
    words.append(f"--data-raw {_quoted(body)}")
    return " \\\n  ".join(words)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())
