import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.ranges import ByteRange, Unsatisfiable, parse_ranges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", [(0, 0)]),
        ("bytes=0-99", [(0, 99)]),
        ("bytes=10-", [(10, 99)]),
        ("bytes=10-5000", [(10, 99)]),
        ("bytes=-5", [(95, 99)]),
        ("bytes=-5000", [(0, 99)]),
        ("BYTES = 1-2", [(1, 2)]),
        ("bytes=1-2,5-6", [(1, 2), (5, 6)]),
        ("bytes=50-60,1-2", [(50, 60), (1, 2)]),
        ("bytes= 1-2 ,, 5-6", [(1, 2), (5, 6)]),
        ("bytes=1-2,200-300", [(1, 2)]),
        ("bytes=0-10,5-20", [(0, 20)]),
        ("bytes=0-10,11-20", [(0, 20)]),
        ("bytes=50-60,0-10,5-20", [(0, 20), (50, 60)]),
        ("bytes=-0,3-3", [(3, 3)]),
    ],
)
def test_ranges_of_a_file_of_100_bytes(header: str, expected: list[tuple[int, int]]) -> None:
    assert parse_ranges(header, 100) == [ByteRange(*pair) for pair in expected]


@pytest.mark.parametrize(
    "header",
    [
        *("", "bytes", "bytes=", "bytes=,", "items=0-1", "bytes=a-b", "bytes=5-1", "bytes=-", "bytes=1", "bytes=--1"),
        *("bytes=0-1;2-3", "bytes=+1-2", "bytes=١-٢", "bytes=0-1 2-3", "bytes=1-2,x", f"bytes={'9' * 5000}-"),
        "bytes=" + ",".join(["0-0"] * 11),
    ],
)
def test_headers_that_are_ignored(header: str) -> None:
    assert parse_ranges(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=500-,600-"])
def test_nothing_within_the_file_is_unsatisfiable(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_ranges(header, 100)


@given(st.text(max_size=40), st.integers(1, 200))
def test_any_header_gives_ranges_within_the_file(text: str, size: int) -> None:
    try:
        ranges = parse_ranges(f"bytes={text}", size)
    except Unsatisfiable:
        return
    for one in ranges or []:
        assert 0 <= one.first <= one.last < size


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=10))
def test_no_byte_is_sent_twice(pairs: list[tuple[int, int]]) -> None:
    header = "bytes=" + ",".join(f"{min(pair)}-{max(pair)}" for pair in pairs)
    ranges = parse_ranges(header, 100)
    assert ranges is not None
    sent = [byte for one in ranges for byte in range(one.first, one.last + 1)]
    asked = {byte for pair in pairs for byte in range(min(pair), max(pair) + 1)}
    assert len(sent) == len(set(sent))
    assert asked == set(sent)
