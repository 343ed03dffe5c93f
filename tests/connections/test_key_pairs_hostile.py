"""Uploads that were made to cost time, or made of anything at all: refused in words, and at once."""

import base64
import time
from functools import cache
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from cryptography.hazmat.primitives import serialization

from connections import key_pairs
from connections.errors import KeyPairRefused
from connections.key_pairs import Upload, read_key_pair
from connections.pem import MAX_BYTES
from tests.connections.key_files import NOW, Maker, key_pem, pem, read, refusals


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def _number(value: int) -> bytes:
    return _der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _encrypted(*derivation: bytes) -> bytes:
    """An encrypted key as PKCS#8 has it, whose password nobody knows, with this derivation."""
    scheme = _der(0x30, _der(0x30, *derivation), _der(0x30, AES_256_CBC, _der(4, bytes(16))))
    data = base64.encodebytes(_der(0x30, _der(0x30, PBES2, scheme), _der(4, bytes(160))))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + data + b"-----END ENCRYPTED PRIVATE KEY-----\n"


PBES2 = bytes.fromhex("06092a864886f70d01050d")
PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
SCRYPT = bytes.fromhex("06092b06010401da47040b")
AES_256_CBC = bytes.fromhex("060960864801650304012a")
HMAC_SHA256 = bytes.fromhex("300c06082a864886f70d02090500")


@pytest.mark.parametrize(
    ("derivation", "code"),
    [
        ((PBKDF2, _der(0x30, _der(4, bytes(8)), _number(2_048), HMAC_SHA256)), "key_password_wrong"),
        ((PBKDF2, _der(0x30, _der(4, bytes(8)), _number(600_000), HMAC_SHA256)), "key_password_wrong"),
        ((PBKDF2, _der(0x30, _der(4, bytes(8)), _number(1_000_001), HMAC_SHA256)), "key_costly"),
        ((PBKDF2, _der(0x30, _der(4, bytes(200)), _number(2**31), _number(32), HMAC_SHA256)), "key_costly"),
        ((SCRYPT, _der(0x30, _der(4, bytes(8)), _number(2**14), _number(8), _number(1))), "key_password_wrong"),
        ((SCRYPT, _der(0x30, _der(4, bytes(8)), _number(2**18), _number(8), _number(1))), "key_costly"),
        ((SCRYPT, _der(0x30, _der(4, bytes(8)), _number(2**14), _number(8), _number(2**20))), "key_costly"),
    ],
)
def test_a_password_that_costs_an_hour_to_try_is_not_tried(
    make: Maker, derivation: tuple[bytes, ...], code: str
) -> None:
    started = time.monotonic()
    found = refusals(pem(make.certificate()), _encrypted(*derivation), password="x")
    assert [each for _field, each in found] == [code]
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "written",
    [
        lambda block: block.replace(b"KEY-----\n", b"KEY-----\nName: value\n\n", 1),
        lambda block: block.replace(b"\n", b""),
        lambda block: block.replace(b"\n", b" \r\n\t"),
    ],
)
def test_what_a_password_costs_is_seen_however_the_key_is_written(make: Maker, written: Any) -> None:
    """Each of these is opened by the library: what is judged must be what is opened."""
    usual = _encrypted(PBKDF2, _der(0x30, _der(4, bytes(8)), _number(2**31), HMAC_SHA256))
    assert refusals(pem(make.certificate()), written(usual), password="x") == [("private_key", "key_costly")]
    right = key_pem(make.key(), password="right")
    assert read(pem(make.certificate()), written(right), password="right").algorithm == "ES256"


def test_a_password_is_tried_once(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library holds on to the interpreter while it tries."""
    tried = []
    for name in ("load_der_private_key", "load_pem_private_key"):
        load = getattr(serialization, name)

        def counted(data: bytes, password: Any, *, load: Any = load, **over: Any) -> Any:
            tried.append(password)
            return load(data, password, **over)

        monkeypatch.setattr(serialization, name, counted)
    key = key_pem(make.key("RSA 2048"), password="right")
    assert read(pem(make.certificate(make.key("RSA 2048"))), key, password="right").key_words == "RSA 2048"
    assert [password for password in tried if password is not None] == [b"right"]


def test_an_upload_is_judged_once(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page asks what is wrong with it, and saves it: to prove a long key twice takes two seconds."""
    judged = []
    read_key = key_pairs.read_key
    monkeypatch.setattr(key_pairs, "read_key", lambda *args: judged.append(1) or read_key(*args))
    upload, other = (Upload(pem(make.certificate()), key_pem(make.key("P-256", n))) for n in (0, 1))
    assert read_key_pair(upload, now=NOW) is read_key_pair(upload, now=NOW)
    for _ in range(2):
        with pytest.raises(KeyPairRefused) as refused:
            read_key_pair(other, now=NOW)
        assert [problem.code for problem in refused.value.problems] == ["key_mismatch"]
    assert len(judged) == 2


@pytest.mark.parametrize("mark", [b"-----BEGIN A-----", b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN "])
def test_beginnings_without_an_end_cost_no_time(make: Maker, mark: bytes) -> None:
    """To look for the end of each through all the rest took seven seconds."""
    files = mark * (MAX_BYTES // len(mark))
    started = time.thread_time()
    found = refusals(files, files)
    assert time.thread_time() - started < 1.0
    assert found == [("certificate", "certificate_none"), ("private_key", "key_none")]


@hypothesis.given(st.data())
@hypothesis.settings(max_examples=300)
def test_whatever_is_uploaded_is_taken_or_refused_in_words(data: st.DataObject) -> None:
    """Certificates and keys with any of their bytes changed, and what was never one."""
    files = list(_sound())
    for index, name in enumerate(("certificate", "key")):
        how = data.draw(st.sampled_from(["sound", "der", "text", "anything"]), label=name)
        if how == "der":
            blocks = [_spoilt_block(data, block) for block in files[index].split(b"-----END ")[:-1]]
            files[index] = b"".join(blocks)
        elif how == "text":
            files[index] = _spoilt(data, files[index])
        elif how == "anything":
            files[index] = data.draw(st.binary(max_size=300))
    try:
        assert read(files[0], files[1], password=data.draw(st.text(max_size=5))).algorithm == "ES256"
    except KeyPairRefused as refused:
        wordless = [problem for problem in refused.problems if not (problem.code and str(problem.message))]
        assert wordless == [] != refused.problems  # noqa: PT017 (both ends are fine)


@cache
def _sound() -> tuple[bytes, bytes]:
    make = Maker()
    return pem(*make.chain()), key_pem(make.key())


def _spoilt_block(data: st.DataObject, block: bytes) -> bytes:
    label, _dashes, text = block.split(b"-----BEGIN ")[1].partition(b"-----")
    spoilt = base64.encodebytes(_spoilt(data, base64.b64decode(text)))
    return b"-----BEGIN " + label + b"-----\n" + spoilt + b"-----END " + label + b"-----\n"


def _spoilt(data: st.DataObject, sound: bytes) -> bytes:
    spoilt = bytearray(sound)
    for _ in range(data.draw(st.integers(0, 3))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    return bytes(spoilt)
