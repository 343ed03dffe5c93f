"""States, figures and drawings: pure functions of pages."""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from dispatch.models import Delivery
from dispatch.pages.delivery import time_phases
from dispatch.pages.figures import DOWN_HEIGHT, UP_HEIGHT, Day, Figures, draw_bars, find_median
from dispatch.pages.requests import Line, curl_command, pretty_body, request_line
from dispatch.pages.states import attempts_text, describe_delivery, is_settled

NOW = timezone.now()
TODAY = timezone.localdate()


@pytest.mark.parametrize(
    ("columns", "tone", "word"),
    [
        ({"state": "delivered"}, "ok", "Delivered"),
        ({"state": "failed", "reason": "exhausted"}, "bad", "Failed"),
        ({"state": "cancelled", "reason": "superseded"}, "idle", "Cancelled"),
        ({"state": "held", "reason": "webhook_stopped"}, "idle", "Held"),
        ({"state": "waiting", "due_at": NOW}, "run", "On its way"),
        ({"state": "waiting", "due_at": NOW - timedelta(hours=1)}, "run", "On its way"),
        ({"state": "waiting", "due_at": NOW - timedelta(hours=1), "counted_attempts": 1}, "warn", "New attempt is due"),
        ({"state": "waiting", "due_at": NOW + timedelta(hours=1), "lease_token": "x"}, "run", "Being sent"),
        ({"state": "waiting", "due_at": NOW - timedelta(seconds=1), "lease_token": "x"}, "run", "On its way"),
    ],
)
def test_a_state_has_icon_word_and_colour(columns, tone, word):
    with translation.override("en"):
        state = describe_delivery(Delivery(**columns), now=NOW)
        assert (state.tone, state.word) == (tone, word)
        assert state.icon


def test_a_retry_on_another_day_names_the_day():
    due = NOW + timedelta(days=2)
    with translation.override("en"):
        word = describe_delivery(Delivery(state="waiting", due_at=due, counted_attempts=1), now=NOW).word
    local = timezone.localtime(due)
    assert word == f"New attempt on {local.day} {local:%b} at {local:%H:%M}"


@pytest.mark.parametrize(
    ("columns", "settled"),
    [
        ({"state": "waiting"}, False),
        ({"state": "waiting", "lease_token": "x"}, False),
        ({"state": "waiting", "lease_token": "x", "counted_attempts": 2}, False),
        ({"state": "waiting", "counted_attempts": 1}, True),
        ({"state": "delivered"}, True),
        ({"state": "held"}, True),
        ({"state": "cancelled"}, True),
    ],
)
def test_what_counts_as_a_result(columns, settled):
    assert is_settled(Delivery(**columns)) is settled


@pytest.mark.parametrize(
    ("counts", "median"),
    [([], None), ([(5, 1)], 5), ([(9, 1), (1, 1), (5, 1)], 5), ([(1, 99), (1000, 1)], 1), ([(1, 1), (3, 1)], 3)],
)
def test_the_median_of_grouped_values(counts, median):
    assert find_median(iter(counts)) == median


def test_the_share_is_cut_not_rounded():
    """Failures must not vanish behind "100%"."""
    with translation.override("en"):
        assert Figures([Day(TODAY, delivered=9_999, failed=1)]).share == "99.9%"
        assert Figures([Day(TODAY, delivered=3)]).share == "100.0%"
        assert Figures([Day(TODAY)]).share == "–"


def test_more_attempts_than_the_maximum_are_not_so_many_of_it():
    with translation.override("en"):
        assert (attempts_text(2, 5), attempts_text(20, 5)) == ("2 of 5", "20 (now at most 5)")


def test_bars_stay_within_their_drawing():
    days = [Day(TODAY, delivered, failed) for delivered, failed in ((0, 0), (1, 1_000), (1_000, 1), (5, 0))]
    bars = draw_bars(days)
    assert [bar.css for bar in bars] == ["spark-none", "spark-up", "spark-down", "spark-up", "spark-down", "spark-up"]
    for bar in bars:
        assert bar.height >= 2
        assert bar.y >= 0
        assert bar.y + bar.height <= UP_HEIGHT + 3 + DOWN_HEIGHT


def test_the_curl_command_survives_every_shell_character():
    import subprocess

    nasty = 'it\'s $HOME `id` "quoted" \\ !x'
    lines = [Line("X-Plain", nasty), Line("X-`id`-$HOME-'", "••••••••", "secret")]
    command = curl_command("http://h/p?a=1&b='2'", lines, nasty)
    echo = command.replace("curl", "printf '%s\\n'", 1)
    shown = subprocess.run(["/bin/sh", "-c", echo], capture_output=True, text=True, check=True,
                           env={"X__ID___HOME__": "value of the variable"}).stdout.splitlines()  # fmt: skip
    assert shown == [
        "-i",
        "--globoff",
        "-X",
        "POST",
        "http://h/p?a=1&b='2'",
        "-H",
        f"X-Plain: {nasty}",
        "-H",
        "X-`id`-$HOME-': value of the variable",
        "--data-raw",
        nasty,
    ]


def test_a_body_is_written_out_for_reading():
    lines = pretty_body('{"Nome":"Preços: \\"h\\"","n":{"a":1}}'.encode())
    assert [(line.indent, line.key, line.rest) for line in lines] == [
        ("", "", "{"),
        ("  ", '"Nome":', ' "Preços: \\"h\\"",'),
        ("  ", '"n":', " {"),
        ("    ", '"a":', " 1"),
        ("", "", "  }"),
        ("", "", "}"),
    ]
    assert [line.rest for line in pretty_body(b"not json\nat all")] == ["not json", "at all"]
    assert pretty_body(b"\xff")[0].rest == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("url", "line", "host"),
    [
        ("https://h.example/a/b?c=d", "POST /a/b?c=d HTTP/1.1", "h.example"),
        ("http://h:8080", "POST / HTTP/1.1", "h:8080"),
        ("http://[bad", "POST", ""),
    ],
)
def test_the_request_line_of_an_address(url, line, host):
    assert request_line(url) == (line, host)


def test_phases_fill_the_time_and_the_longest_is_marked():
    with translation.override("en"):
        phases = time_phases({"dns": 10, "connect": 20, "tls": 0, "first_byte": 170, "total": 200})
    assert [(phase.label, phase.milliseconds, phase.slow) for phase in phases] == [
        ("Name", 10, False),
        ("Connection", 20, False),
        ("Waiting for the answer", 170, True),
    ]
    assert phases[-1].start + phases[-1].width == 1000
    assert time_phases({"total": 0})
