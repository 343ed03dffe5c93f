"""`make bench`: a figure that the receiver's file doesn't bear out is never told, and the table says what was met."""

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from bench import __main__ as program
from bench.designs import Bare, Run
from bench.frame import Bench, Figure, Goal, build_table, number, percentile
from bench.processor import cpu_seconds, parent_of, rss_bytes
from bench.receiver import Mismatch, Receiver, compare, running_receiver, running_slow_receiver
from bench.surroundings import Surroundings
from tests import services
from tests.processes import ROOT


def test_equal_counts_of_equal_ids_pass() -> None:
    compare(Counter({"msg_1": 2, "msg_2": 1}), Counter({"msg_2": 1, "msg_1": 2}))


@pytest.mark.parametrize(
    ("received", "recorded", "told"),
    [
        ({"msg_1": 1}, {"msg_1": 1, "msg_2": 1}, "1 recorded but not received, 0 received but not recorded (msg_2)"),
        ({"msg_1": 1, "msg_2": 1}, {"msg_1": 1}, "0 recorded but not received, 1 received but not recorded (msg_2)"),
        ({"msg_1": 2}, {"msg_1": 1}, "0 recorded but not received, 1 received but not recorded (msg_1)"),
        # As many, but others.
        ({"msg_1": 1}, {"msg_2": 1}, "1 recorded but not received, 1 received but not recorded (msg_2, msg_1)"),
    ],
)
def test_any_difference_refuses(received: dict[str, int], recorded: dict[str, int], told: str) -> None:
    with pytest.raises(Mismatch, match="the receiver saw") as refused:
        compare(Counter(received), Counter(recorded))
    assert told in str(refused.value)


def test_a_difference_leaves_no_figure_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def row(names: list[str], bench: Bench) -> list[Figure]:
        compare(Counter({"msg_1": 1}), Counter())
        return [Figure("never", 1.0)]

    results = tmp_path / "RESULTS.md"
    monkeypatch.setattr(program, "RESULTS", results)
    monkeypatch.setattr(program, "run_rows", row)
    monkeypatch.setattr(program, "surroundings", lambda: _nothing_around(tmp_path))
    monkeypatch.setattr(sys, "argv", ["bench", "--rows", "rate", "--write"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert program.main() == 1
    told = capsys.readouterr()
    assert "never" not in told.out
    assert "1 received but not recorded" in told.err
    assert not results.exists()


def test_a_run_without_difference_writes_its_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    results = tmp_path / "RESULTS.md"
    monkeypatch.setattr(program, "RESULTS", results)
    monkeypatch.setattr(program, "run_rows", lambda *_: [Figure("what was measured", 1234.5, "ms")])
    monkeypatch.setattr(program, "surroundings", lambda: _nothing_around(tmp_path))
    monkeypatch.setattr(sys, "argv", ["bench", "--seed", "7", "--write"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert program.main() == 0
    assert "| what was measured | 1,234 ms |" in results.read_text()
    assert "seed 7" in results.read_text()
    assert results.read_text() in capsys.readouterr().out


class _nothing_around:  # noqa: N801 - stands where a function stood
    def __init__(self, folder: Path) -> None:
        self.around = Surroundings(folder, "", os.getpid(), "", Receiver(folder / "received.log", []))

    def __enter__(self) -> Surroundings:
        return self.around

    def __exit__(self, *exc: object) -> None:
        pass


def test_a_row_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--rows", "rate speed"])
    with pytest.raises(SystemExit):
        program.read_arguments()
    assert "no such row: speed" in capsys.readouterr().err


def test_every_row_that_is_named_exists() -> None:
    modules = {path.stem for path in Path(ROOT, "bench", "rows").glob("*.py")} - {"__init__"}
    assert set(program.ROWS) == modules


@pytest.mark.parametrize(
    ("value", "goal", "met"),
    [
        (20.0, Goal(20, 40), "must"),
        (40.0, Goal(20, 40), "aim"),
        (19.9, Goal(20, 40), "**missed**"),
        (8.0, Goal(8, 5, most=True), "must"),
        (5.0, Goal(8, 5, most=True), "aim"),
        (8.1, Goal(8, 5, most=True), "**missed**"),
        (149.0, Goal(150, most=True), "must"),
        (3.0, Goal(), ""),
    ],
)
def test_the_table_says_what_was_met(value: float, goal: Goal, met: str) -> None:
    assert Figure("what", value, "x", goal).met == met


def test_the_table_is_markdown_whatever_the_notes_hold() -> None:
    lines = build_table([Figure("rate", 4321.4, "/s", Goal(300, 1000), "a | b")]).splitlines()
    assert lines == [
        "| what | measured | must | aim | met | how |",
        "| --- | --- | --- | --- | --- | --- |",
        "| rate | 4,321 /s | ≥ 300 | ≥ 1,000 | aim | a / b |",
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.08, "0.08"), (1.234, "1.23"), (99.96, "100"), (123456.7, "123,457")]
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([float(value) for value in range(1, 101)], 0.95) == 95
    assert percentile([3.0, 1.0, 2.0], 0.95) == 3
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2
    assert percentile([7.0], 0.5) == 7


def test_a_run_divides_by_its_deliveries() -> None:
    run = Run(deliveries=200, seconds=4.0, workers=0.5, publisher=0.1, postgres=0.2)
    assert (run.rate, run.each_ms(run.workers), run.each_ms(run.postgres)) == (50.0, 2.5, 1.0)


def test_a_quick_run_is_smaller_and_never_nothing() -> None:
    bench = Bench(around=None, rounds=1, scale=0.1, seed=1)  # type: ignore[arg-type]
    assert (bench.share(1_000), bench.share(3)) == (100, 1)


def test_processor_time_holds_children_that_have_ended() -> None:
    before = cpu_seconds(os.getpid())
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert cpu_seconds(os.getpid()) - before >= 0.25
    assert parent_of(os.getpid()) == os.getppid()
    assert rss_bytes(os.getpid()) > 1_000_000


def test_nothing_more_received_ends_the_wait(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "received.log", [])
    receiver.record.write_text("1.0 8000 msg_1\n")
    receiver.wait_for(1, since=0)
    with pytest.raises(Mismatch, match="saw 1 of 2"):
        receiver.wait_for(2, since=0, patience=0.1)


def test_a_line_being_written_is_not_read_yet(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "received.log", [])
    receiver.record.write_text("1.0 8000 msg_1\n2.0 8001 msg")
    assert [line.webhook_id for line in receiver.lines()] == ["msg_1"]
    assert receiver.count() == 1


@pytest.mark.process
def test_the_slow_receiver_notes_and_answers_after_its_delay(tmp_path: Path) -> None:
    import requests

    with running_slow_receiver(tmp_path, "slow", 0.2) as receiver:
        begun = time.monotonic()
        with requests.Session() as session:
            answers = [
                session.post(receiver.urls[0], data=b"x" * 400, headers={"webhook-id": key}, timeout=10)
                for key in ("msg_1", "msg_2")
            ]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert time.monotonic() - begun >= 0.4
        assert [line.webhook_id for line in receiver.lines()] == ["msg_1", "msg_2"]


@pytest.mark.process
def test_what_nginx_wrote_down_is_what_was_sent(tmp_path: Path) -> None:
    if not services.provide_nginx():
        services.miss("nginx")
    with running_receiver(tmp_path, count=2) as receiver:
        around = Surroundings(tmp_path, "", os.getpid(), "", receiver)
        run = Bare(around).run(events=20)
        assert run.deliveries == 40
        assert len({line.webhook_id for line in receiver.lines()}) == receiver.count() == 42
        # One more than anybody sent.
        with receiver.record.open("a") as record:
            record.write("1.0 8000 msg_unknown\n")
        with pytest.raises(Mismatch, match="1 received but not recorded"):
            compare(Bare.received_by(receiver, 0), Bare.received_by(receiver, 0) - Counter({"msg_unknown": 1}))


def test_the_arguments_name_all_rows_unless_some_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--rows", ""])
    arguments: argparse.Namespace = program.read_arguments()
    assert arguments.rows == list(program.ROWS)
