"""ONS-21, ONS-17: what docs/receiving-notifications.md tells receivers is what the code does."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from catalog.periods import Period
from dispatch.retry import (
    BACKOFF_CAP_SECONDS,
    RETRY_AFTER_CAP_SECONDS,
    Answer,
    Policy,
    compute_interval,
    decide,
)
from outbound.transfer import KEEP_BYTES
from tests.receivers.samples import SAMPLES
from tests.structure.source import ROOT
from webhooks.event_types import EventContent, dump
from webhooks.formats import FORMATS, render
from webhooks.limits import MAX_ATTEMPTS, MAX_INTERVAL_MINUTES
from webhooks.models import Webhook
from webhooks.plans import PlanParts, build_plan
from webhooks.sending import Message, build_request
from webhooks.signing import OVERLAP
from webhooks.trials import TESTS_PER_MINUTE

PAGE = ROOT / "docs" / "receiving-notifications.md"
TEXT = PAGE.read_text()
SECRET = "whsec_aW52ZW50ZWQgZm9yIHRoZSBkb2N1bWVudGF0aW9u"
LINK = "https://downloads.portal.example/d/k1.pri-U0HJRmC3.coV83XPjyHS0"
# To the second, as the signature of the example is; the envelope shows milliseconds.
HAPPENED = datetime(2020, 9, 2, 14, 31, 7, 250_000, UTC)


def example(name: str) -> str:
    """The fenced block or table after the marker of this name."""
    after = TEXT.partition(f"<!-- example: {name} -->\n")[2]
    assert after, f"no example {name}"
    fence = re.match(r"```\w+\n(.*?)\n```\n", after, re.DOTALL)
    return fence[1] if fence else after.partition("\n\n")[0]


def content() -> EventContent:
    period = Period(date(2020, 8, 1), date(2020, 8, 31), "2020-08")
    payload = {
        "Nome": "Relatório de Contabilização",
        "Processo": "Contabilização",
        "MacroProcesso": "Liquidação",
        "DataProduto": period.reference_text(),
        "Periodicidade": period.start_text(),
        "PeriodicidadeFinal": period.end_text(),
    }
    return EventContent("publication.published", HAPPENED, dump(payload), LINK)


@pytest.mark.parametrize("name", FORMATS)
def test_every_body_format_is_shown_as_it_is_sent(name: str) -> None:
    assert example(name) == json.dumps(json.loads(render(name, content()).body), ensure_ascii=False, indent=2)


def parsed_request() -> tuple[dict[str, str], bytes]:
    head, _, body = example("request").partition("\n\n")
    return dict(line.split(": ", 1) for line in head.splitlines()[1:]), body.encode()


def test_the_request_is_shown_with_the_headers_that_are_sent(settings: Any) -> None:
    shown, body = parsed_request()
    parts = PlanParts(
        participant_id=1, url="https://receiver.example/gancho", auth_method="none", auth_settings={}, auth_secrets={},
        own_headers=(), private_ca="", signing_secrets=(SECRET,),
    )  # fmt: skip
    message = Message(
        UUID(shown["webhook-id"].removeprefix("msg_")),
        UUID(shown["gancho-event-id"]),
        shown["gancho-event-type"],
        shown["gancho-cause"],
        render("documented", content()).body,
    )
    request = build_request(build_plan(parts), message, datetime.fromtimestamp(int(shown["webhook-timestamp"]), UTC))
    assert body == request.body
    of_http = {"Host": "receiver.example", "Content-Length": str(len(body))}
    assert shown == dict(request.headers) | of_http


def test_the_signature_that_is_shown_can_be_checked_as_described() -> None:
    assert SECRET in TEXT
    shown, body = parsed_request()
    moment = datetime.fromtimestamp(int(shown["webhook-timestamp"]), UTC)
    assert Verifier(SECRET).sign(shown["webhook-id"], moment, body.decode()) == shown["webhook-signature"]


def test_the_timeline_is_that_of_the_retry_rule() -> None:
    """UNICO-14, UNICO-15."""
    fixed, exponential = (
        [cell.strip() for cell in row.split("|")[1:-1]] for row in example("timeline").splitlines()[2:]
    )
    for row in (fixed, exponential):
        policy = Policy(300, 5, exponential=row[0] == "exponential")
        start = now = datetime(2020, 9, 2, 10, tzinfo=UTC)
        times = [start]
        for attempt in range(1, 5):
            now += compute_interval(policy, attempt)
            times.append(now)
        assert row[1:] == [f"{each:%H:%M}" for each in times] + ["failed"]
        last = decide(Answer("answered", 500), 5, policy, started_at=now, now=now)
        assert (last.state, last.reason) == ("failed", "exhausted")


def test_numbers_are_those_of_the_code(settings: Any) -> None:
    field = Webhook._meta.get_field
    for words in (
        f"**{settings.PORTAL_OUTBOUND_DEADLINE_SECONDS:.0f} seconds**",
        f"(1 to {MAX_INTERVAL_MINUTES:,}, usually {field('retry_interval_seconds').default // 60})",
        f"(1 to {MAX_ATTEMPTS}, usually {field('max_attempts').default})",
        f"up to {BACKOFF_CAP_SECONDS // 3600} hours",
        f"({KEEP_BYTES // 1024} KiB)",
        f"For {OVERLAP // timedelta(hours=1)} hours both sign",
        f"{TESTS_PER_MINUTE} tests a minute",
        f"works for {settings.PORTAL_DOWNLOAD_LINK_DAYS} days",
    ):
        assert words in TEXT, words
    assert (RETRY_AFTER_CAP_SECONDS, settings.PORTAL_DISPATCH_LANE_CAP) == (3600, 4)
    assert "never for more than an hour" in TEXT
    assert "Up to four notifications" in TEXT


def test_what_follows_an_answer_is_what_the_table_says() -> None:
    now = datetime(2020, 9, 2, 10, tzinfo=UTC)
    policy = Policy(300, 5)

    def after(status: int, retry_after: str = "") -> Any:
        answer = Answer("answered", status, retry_after=retry_after)
        return decide(answer, 1, policy, started_at=now, now=now)

    assert {status for status in range(200, 600) if after(status).state == "delivered"} == set(range(200, 300))
    assert {status for status in range(200, 600) if after(status).stop_webhook} == {410}
    assert {status for status in range(200, 600) if after(status, "600").lane_open_at} == {429, 503}
    assert after(503, "60").lane_open_at == now + timedelta(minutes=5)
    assert after(503, "86400").lane_open_at == now + timedelta(hours=1)


def test_the_page_leads_to_every_sample_and_to_the_examples_that_the_guide_names() -> None:
    links = set(re.findall(r"\]\((receivers/[^)]+)\)", TEXT))
    samples = {file for _find, file in SAMPLES.values()} | {"csharp/Program.cs"}
    samples |= {"python/bearer.py", "node/bearer.mjs", "python/tags.py", "node/tags.mjs"}
    assert links == {f"receivers/{file}" for file in samples}
    assert all((PAGE.parent / link).is_file() for link in links)
    assert "https://github.com/multicanais/sintegre-webhook" in TEXT
