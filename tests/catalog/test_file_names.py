import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.content_types import detect_content_type
from catalog.file_names import clean_file_name


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("PLD_2020-08.csv", "PLD_2020-08.csv"),
        ("Preços Horários.xlsx", "Preços Horários.xlsx"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("/", "publication"),
        ("..", "publication"),
        ("", "publication"),
        (".htaccess", "htaccess"),
        ('a"; filename="evil.exe', "a_ filename=_evil.exe"),
        ("a\r\nSet-Cookie: x=1.csv", "aSet-Cookie_ x=1.csv"),
        ("nul\0byte.csv", "nulbyte.csv"),
        ("fact\u202ecsv.exe", "factcsv.exe"),
        ("a" * 300 + ".csv", "a" * 156 + ".csv"),
        ("a" * 300, "a" * 160),
        ("two  blanks.csv", "two blanks.csv"),
    ],
)
def test_file_name_is_made_harmless(given_name: str, kept: str) -> None:
    assert clean_file_name(given_name) == kept


@given(st.text(max_size=400))
def test_any_name_becomes_a_plain_one(name: str) -> None:
    kept = clean_file_name(name)
    assert 0 < len(kept) <= 160
    assert not set(kept) & set('/\\:*?"<>|;\r\n\0')
    assert not kept.startswith(".")
    assert clean_file_name(kept) == kept


@pytest.mark.parametrize(
    ("head", "name", "content_type"),
    [
        (b"hour;price\n1;2\n", "a.csv", "text/csv"),
        ("hora;preço\n".encode("latin-1"), "a.CSV", "text/csv"),
        (b'{"a": 1}', "a.json", "application/json"),
        (b"<html><script>alert(1)</script>", "a.html", "text/plain"),
        (b"<svg onload='alert(1)'/>", "a.svg", "text/plain"),
        (b"%PDF-1.7", "a.csv", "application/pdf"),
        (b"PK\x03\x04rest", "a.zip", "application/zip"),
        (b"PK\x03\x04rest", "a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (b"MZ\x90\x00\x03", "a.csv", "application/octet-stream"),
        (b"\x00\x01", "a.json", "application/octet-stream"),
    ],
)
def test_content_type_comes_from_the_bytes(head: bytes, name: str, content_type: str) -> None:
    assert detect_content_type(head, name) == content_type
