"""/metrics: figures from the tables, for who knows the token."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from dispatch import clock, retention, tallies
from dispatch.models import Attempt, DispatcherBeat, Outcome
from notices.models import Notice
from portal import checks
from portal.models import JobRun
from tests.factories import make_attempt, make_delivery, make_webhook
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db

TOKEN = "a-token-for-the-metrics-only"
LINK_JOB = "access.tasks.link_audit_entries"


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.PORTAL_METRICS_TOKEN = TOKEN


def scrape(client: Client) -> dict[str, float]:
    """The samples by name and labels, such as `gancho_webhooks{state=active}`."""
    response = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    found = {}
    for family in text_string_to_metric_families(response.content.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def attempts(client: Client) -> dict[str, float]:
    name = "gancho_attempts_total{outcome="
    return {
        key.removeprefix(name)[:-1]: value for key, value in scrape(client).items() if key.startswith(name) and value
    }


# --- who may read them


def test_no_such_page_without_a_token_in_the_settings(client: Client, settings: Any) -> None:
    settings.PORTAL_METRICS_TOKEN = ""
    for header in ("", "Bearer ", "Bearer x"):
        assert client.get("/metrics", headers={"authorization": header}).status_code == 404


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer wrong", TOKEN, f"Basic {TOKEN}", "Bearer é"])
def test_nothing_for_who_does_not_know_the_token(client: Client, header: str) -> None:
    response = client.get("/metrics", headers={"authorization": header})
    assert response.status_code == 401
    assert b"gancho" not in response.content


def test_the_token_is_never_logged(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    scrape(client)
    client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}x"})
    said = capfd.readouterr()
    assert TOKEN not in said.out + said.err


def test_a_token_that_is_easily_guessed_stops_the_start(settings: Any) -> None:
    settings.PORTAL_METRICS_TOKEN = "short"
    assert [error.id for error in checks.check_metrics_token(None)] == ["portal.E014"]
    for good in ("", TOKEN):
        settings.PORTAL_METRICS_TOKEN = good
        assert not checks.check_metrics_token(None)


def test_only_reading(client: Client) -> None:
    assert client.post("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 405


def test_not_kept_by_anybody_on_the_way(client: Client) -> None:
    assert "no-store" in client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})["Cache-Control"]


# --- what they say


def test_open_deliveries_by_state_what_is_due_and_for_how_long(client: Client) -> None:
    now = clock.now()
    make_delivery(due_at=now - timedelta(seconds=100))
    make_delivery(due_at=now - timedelta(seconds=40), urgent=True)
    make_delivery(due_at=now + timedelta(seconds=60))
    make_delivery(due_at=now + timedelta(seconds=60), lease_token=uuid4())
    make_delivery(state="held", reason="webhook_stopped", due_at=None)
    make_delivery(state="delivered", due_at=None, finished_at=now)
    found = scrape(client)
    assert found["gancho_deliveries_open{state=waiting}"] == 4
    assert found["gancho_deliveries_open{state=held}"] == 1
    assert found["gancho_deliveries_due"] == 2
    assert found["gancho_deliveries_in_flight"] == 1
    assert 100 <= found["gancho_deliveries_oldest_due_seconds"] < 110


def test_a_lease_that_ran_out_is_due_and_not_in_flight(client: Client) -> None:
    make_delivery(due_at=clock.now() - timedelta(seconds=5), lease_token=uuid4())
    found = scrape(client)
    assert (found["gancho_deliveries_in_flight"], found["gancho_deliveries_due"]) == (0, 1)


def test_nothing_due_is_zero_seconds(client: Client) -> None:
    assert scrape(client)["gancho_deliveries_oldest_due_seconds"] == 0


def test_attempts_by_outcome_at_once_and_the_same_after_the_job_has_counted_them(client: Client) -> None:
    delivery = make_delivery()
    make_attempt(delivery, succeeded=True, status=200)
    make_attempt(delivery, status=500)
    make_attempt(delivery, status=503)
    make_attempt(delivery, Outcome.NO_ANSWER)
    make_attempt(delivery, Outcome.NOT_SENT)
    make_attempt(delivery, Outcome.UNKNOWN, counted=False)
    make_attempt(delivery, Outcome.HANDED_BACK, counted=False)
    expected = {"delivered": 1, "refused": 2, "no_answer": 1, "not_sent": 1, "unknown": 1, "handed_back": 1}
    assert attempts(client) == expected
    # What is new to one run is counted by the next.
    assert (tallies.carry_on(), tallies.carry_on() > 0, tallies.carry_on()) == (0, True, 0)
    assert attempts(client) == expected


def test_an_open_attempt_is_counted_when_it_ends_whatever_ended_meanwhile(client: Client) -> None:
    delivery = make_delivery()
    slow = make_attempt(delivery, Outcome.OPEN)
    make_attempt(delivery, succeeded=True, status=200)
    for _run in range(3):
        tallies.carry_on()
    assert attempts(client) == {"delivered": 1}
    Attempt.objects.filter(pk=slow.pk).update(outcome=Outcome.NO_ANSWER, finished_at=clock.now())
    assert attempts(client) == {"delivered": 1, "no_answer": 1}
    for _run in range(3):
        tallies.carry_on()
    assert attempts(client) == {"delivered": 1, "no_answer": 1}


def test_an_attempt_that_was_lost_long_ago_does_not_stop_the_count(client: Client) -> None:
    delivery = make_delivery()
    lost = make_attempt(delivery, Outcome.OPEN, slot_at=clock.now() - timedelta(hours=2))
    make_attempt(delivery, succeeded=True, status=200)
    for _run in range(3):
        tallies.carry_on()
    assert attempts(client) == {"delivered": 1, "unknown": 1}
    # It ends as the next claim says; it is not counted twice.
    Attempt.objects.filter(pk=lost.pk).update(outcome=Outcome.UNKNOWN, counted=False, finished_at=clock.now())
    assert attempts(client) == {"delivered": 1, "unknown": 1}


@pytest.mark.parametrize("counted_before", [True, False])
def test_the_purge_takes_no_attempt_away_from_the_figures(client: Client, counted_before: bool) -> None:
    old = clock.now() - timedelta(days=100)
    gone = make_delivery(
        state="failed", reason="exhausted", due_at=None, created_at=old, finished_at=old, attempts_made=1
    )
    make_attempt(gone, status=500, slot_at=old)
    if counted_before:
        tallies.carry_on()
        tallies.carry_on()
    before = scrape(client)
    assert retention.purge().removed["deliveries"] == 1
    assert not Attempt.objects.exists()
    after = scrape(client)
    for name in ("gancho_attempts_total{outcome=refused}", "gancho_deliveries_failed_total{reason=exhausted}"):
        assert before[name] == after[name] == 1


def test_notifications_given_up_by_reason(client: Client) -> None:
    ended = {"state": "failed", "due_at": None, "finished_at": clock.now()}
    make_attempt(make_delivery(reason="exhausted", attempts_made=2, **ended), number=1, status=500)
    last = make_delivery(reason="exhausted", attempts_made=2, **ended)
    make_attempt(last, number=1, status=500)
    make_attempt(last, number=2, status=500)
    make_attempt(make_delivery(reason="gone", attempts_made=1, **ended), status=410)
    for _run in range(3):
        found = scrape(client)
        assert found["gancho_deliveries_failed_total{reason=exhausted}"] == 1
        assert found["gancho_deliveries_failed_total{reason=gone}"] == 1
        assert found["gancho_deliveries_failed_total{reason=lost_worker}"] == 0
        tallies.carry_on()


def test_webhooks_by_state(client: Client) -> None:
    make_webhook()
    make_webhook(active=False)
    make_webhook(stopped_at=clock.now(), stopped_reason="gone")
    make_webhook(ready=False)
    make_webhook(active=False, archived_at=clock.now())
    found = scrape(client)
    states = {
        state: found[f"gancho_webhooks{{state={state}}}"] for state in ("active", "inactive", "stopped", "incomplete")
    }
    assert states == {"active": 1, "inactive": 1, "stopped": 1, "incomplete": 1}
    assert Webhook.objects.count() == 5


def test_who_is_alive_and_when_the_jobs_last_ran(client: Client) -> None:
    now = clock.now()
    DispatcherBeat.objects.create(name="one", started_at=now, beat_at=now - timedelta(seconds=7))
    DispatcherBeat.objects.create(name="two", started_at=now, beat_at=now - timedelta(seconds=70))
    JobRun.objects.create(task=LINK_JOB, ended_at=now - timedelta(seconds=20), succeeded=False)
    JobRun.objects.create(task="a.job.of.an.older.version", ended_at=now)
    found = scrape(client)
    assert found["gancho_dispatchers_alive"] == 1
    assert 7 <= found["gancho_dispatcher_beat_age_seconds"] < 10
    assert 20 <= found[f"gancho_job_run_age_seconds{{job={LINK_JOB}}}"] < 25
    assert found[f"gancho_job_failed{{job={LINK_JOB}}}"] == 1
    assert not [name for name in found if "older" in name]


def test_notices_that_wait_to_be_sent(client: Client) -> None:
    assert scrape(client)["gancho_notices_waiting"] == 0
    values = {"kind": "x", "audience": "operators", "created_at": clock.now()}
    Notice.objects.create(dedupe_key="1", due_at=clock.now(), **values)
    Notice.objects.create(dedupe_key="2", state="failed", **values)
    assert scrape(client)["gancho_notices_waiting"] == 1


def test_the_version_that_runs(client: Client, settings: Any) -> None:
    assert scrape(client)[f"gancho_build_info{{version={settings.PORTAL_VERSION}}}"] == 1


def test_no_name_and_no_address_of_a_participant(client: Client) -> None:
    webhook = make_webhook(description="Serra Clara", request_uri="https://serraclara.example.com/in?key=abc")
    make_attempt(make_delivery(webhook=webhook), status=500)
    text = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).content.decode()
    for word in ("Serra", "serraclara", webhook.participant.name, webhook.participant.cnpj, str(webhook.uuid)):
        assert word not in text


def test_as_many_queries_for_many_rows_as_for_few(client: Client) -> None:
    with CaptureQueriesContext(connection) as few:
        scrape(client)
    for _number in range(5):
        make_attempt(make_delivery(), status=500)
    with CaptureQueriesContext(connection) as many:
        scrape(client)
    assert len(many) <= len(few) <= 20
