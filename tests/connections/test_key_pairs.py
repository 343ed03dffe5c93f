"""Certificates and keys on upload: what is taken, and every way to mix things up with its own words (UNICO-23, 24)."""

import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, pkcs12
from django.utils import translation

from connections.errors import KeyPairRefused
from connections.jose import sign_with_key
from connections.key_pairs import Upload, read_key_pair
from connections.pem import MAX_BYTES
from tests.connections.key_files import DAY, NOW, Maker, _name, key_pem, pem, read, refusals

# --- what is taken ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "algorithm", "words"),
    [
        ("RSA 2048", "RS256", "RSA 2048"),
        ("P-256", "ES256", "EC P-256"),
        ("P-384", "ES384", "EC P-384"),
        ("P-521", "ES512", "EC P-521"),
        ("Ed25519", "EdDSA", "Ed25519"),
    ],
)
def test_keys_of_these_types_are_taken(make: Maker, kind: str, algorithm: str, words: str) -> None:
    key = make.key(kind)
    certificate = make.certificate(key, name="Vento")
    found = read(pem(certificate), key_pem(key))
    assert (found.algorithm, found.key_words) == (algorithm, words)
    assert (found.subject, found.issuer) == ("CN=Vento", "CN=Vento")
    assert (found.not_before, found.not_after) == (NOW - DAY, NOW + DAY)
    assert found.fingerprint == certificate.fingerprint(hashes.SHA256()).hex()
    assert found.certificate_pem.encode() == pem(certificate)
    assert found.private_key_pem.encode() == key_pem(key)
    assert sign_with_key(found.material, {"sub": "x"}).count(".") == 2


def test_a_chain_is_taken_in_its_order(make: Maker) -> None:
    leaf, middle, root = make.chain()
    assert read(pem(leaf, middle, root), key_pem(make.key())).certificate_pem.encode() == pem(leaf, middle, root)
    assert read(pem(leaf, middle), key_pem(make.key())).subject == "CN=client"


@pytest.mark.parametrize(
    ("certificate_name", "key_name"),
    [("a.crt", "a.key"), ("a.CRT", "a.KEY"), ("a.pem", "a.pem"), ("A.B.Pem", "x.PEM"), ("", "")],
)
def test_the_endings_of_the_seed_are_taken_whatever_their_case(
    make: Maker, certificate_name: str, key_name: str
) -> None:
    """UNICO-23, UNICO-24."""
    names = {"certificate_name": certificate_name, "private_key_name": key_name}
    assert read(pem(make.certificate()), key_pem(make.key()), **names).algorithm == "ES256"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
        lambda data: data.decode().encode("utf-16"),
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: b"Bag Attributes\n    friendlyName: p\xc3\xa3o\n" + data + b"\n\n  \n",
        lambda data: data.rstrip(b"\n"),
    ],
    ids=["CRLF", "BOM", "BOM and CRLF", "UTF-16", "CR", "words around", "no last line feed"],
)
def test_what_windows_and_tools_do_to_a_text_is_no_matter(make: Maker, spoil: Any) -> None:
    certificate, key = pem(make.certificate()), key_pem(make.key())
    found = read(spoil(certificate), spoil(key))
    assert (found.certificate_pem.encode(), found.private_key_pem.encode()) == (certificate, key)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("kind", ["RSA 2048", "P-256"])
def test_keys_in_both_forms_of_openssl_are_taken(make: Maker, form: PrivateFormat, kind: str) -> None:
    key = make.key(kind)
    certificate = pem(make.certificate(key))
    assert read(certificate, key_pem(key, form=form)).private_key_pem.encode() == key_pem(key)
    assert read(
        certificate, key_pem(key, form=form, password="açb"), password="açb"
    ).private_key_pem.encode() == key_pem(key)


def test_a_key_file_may_hold_certificates_too(make: Maker) -> None:
    certificate = pem(make.certificate())
    assert read(certificate, certificate + key_pem(make.key())).algorithm == "ES256"


def test_a_key_file_with_the_parameters_of_its_curve_is_taken(make: Maker) -> None:
    """What `openssl ecparam -genkey` writes."""
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert read(pem(make.certificate()), parameters + key_pem(make.key())).algorithm == "ES256"


# --- what is refused, each for its own reason ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.cer", "a.der", "a.pfx", "a.txt", "a", "a.crt.exe", "a.key"])
def test_other_endings_of_certificates_are_refused(make: Maker, name: str) -> None:
    """UNICO-23."""
    found = refusals(pem(make.certificate()), key_pem(make.key()), certificate_name=name)
    assert found == [("certificate", "certificate_extension")]


@pytest.mark.parametrize("name", ["a.crt", "a.der", "a.pfx", "a.txt", "a", "key"])
def test_other_endings_of_keys_are_refused(make: Maker, name: str) -> None:
    """UNICO-24."""
    found = refusals(pem(make.certificate()), key_pem(make.key()), private_key_name=name)
    assert found == [("private_key", "key_extension")]


def _request(make: Maker) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name("client"))
    return builder.sign(make.key(), hashes.SHA256()).public_bytes(Encoding.PEM)


def _keystore(make: Maker) -> bytes:
    return pkcs12.serialize_key_and_certificates(b"a", make.key(), make.certificate(), None, NoEncryption())


def _damaged(data: bytes) -> bytes:
    lines = data.split(b"\n")
    return b"\n".join([lines[0], b"AAAA" + lines[1][4:], *lines[2:]])


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (lambda make: b"", "certificate_empty"),
        (lambda make: b" \r\n", "certificate_empty"),
        (lambda make: b"x" * (MAX_BYTES + 1), "certificate_too_large"),
        (lambda make: b"hello", "certificate_none"),
        (lambda make: key_pem(make.key()), "certificate_is_key"),
        (lambda make: key_pem(make.key("RSA 2048"), form=PrivateFormat.TraditionalOpenSSL), "certificate_is_key"),
        (lambda make: pem(make.certificate()) + key_pem(make.key()), "certificate_with_key"),
        (_request, "certificate_is_request"),
        (lambda make: make.certificate().public_bytes(Encoding.DER), "certificate_binary"),
        (_keystore, "keystore"),
        (lambda make: b"\x30\x82\xff\xff", "certificate_unreadable"),
        (lambda make: _damaged(pem(make.certificate())), "certificate_unreadable"),
        (lambda make: pem(make.certificate())[:-30], "certificate_none"),
        (lambda make: pem(make.certificate(starts=-2 * DAY, ends=-DAY)), "certificate_expired"),
        (lambda make: pem(make.certificate(ends=timedelta(0))), "certificate_expired"),
        (lambda make: pem(make.certificate(starts=timedelta(hours=1))), "certificate_not_yet_valid"),
        (lambda make: pem(*reversed(make.chain())), "certificate_chain_order"),
        (lambda make: pem(make.chain()[0], make.chain()[2], make.chain()[1]), "certificate_chain_order"),
        (lambda make: pem(make.chain()[1], make.chain()[0]), "certificate_chain_order"),
        (lambda make: pem(make.certificate(), make.chain()[2]), "certificate_chain_foreign"),
        (lambda make: pem(*[make.certificate()] * 11), "certificate_chain_long"),
    ],
)
def test_what_is_no_usable_certificate_is_told_apart(make: Maker, given: Any, code: str) -> None:
    assert refusals(given(make), key_pem(make.key())) == [("certificate", code)]


def test_a_clock_that_is_a_little_ahead_makes_no_certificate_unusable(make: Maker) -> None:
    certificate = make.certificate(starts=timedelta(minutes=4))
    assert read(pem(certificate), key_pem(make.key())).algorithm == "ES256"


def test_an_expired_certificate_further_on_is_told_apart(make: Maker) -> None:
    root = make.key("P-256", 1)
    leaf = make.certificate(signed_by=(root, "root"))
    old = make.certificate(root, name="root", starts=-2 * DAY, ends=-DAY)
    assert refusals(pem(leaf, old), key_pem(make.key())) == [("certificate", "certificate_chain_expired")]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (lambda make: b"", "key_empty"),
        (lambda make: b"x" * (MAX_BYTES + 1), "key_too_large"),
        (lambda make: b"hello", "key_none"),
        (lambda make: pem(make.certificate()), "key_is_certificate"),
        (
            lambda make: make.key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "key_is_public",
        ),
        (lambda make: key_pem(make.key(), password="secret"), "key_encrypted"),
        (
            lambda make: key_pem(make.key("RSA 2048"), form=PrivateFormat.TraditionalOpenSSL, password="secret"),
            "key_encrypted",
        ),
        (
            lambda make: make.key().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
            "key_binary",
        ),
        (
            lambda make: make.key().private_bytes(
                Encoding.DER, PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
            ),
            "key_binary",
        ),
        (_keystore, "keystore"),
        (lambda make: b"\x30\x82\xff\xff", "key_unreadable"),
        (lambda make: _damaged(key_pem(make.key())), "key_unreadable"),
        (lambda make: key_pem(make.key()) + key_pem(make.key("P-256", 1)), "key_several"),
        (
            lambda make: make.key("Ed25519").private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
            "key_is_ssh",
        ),
        (lambda make: key_pem(make.key("P-256", 9)), "key_mismatch"),
        (lambda make: key_pem(make.key("RSA 2048")), "key_mismatch"),
        (lambda make: key_pem(make.key("RSA 1024")), "key_weak"),
        (lambda make: key_pem(make.key("P-192")), "key_type"),
        (lambda make: key_pem(make.key("secp256k1")), "key_type"),
        (lambda make: key_pem(make.key("Ed448")), "key_type"),
        (lambda make: key_pem(make.key("X25519")), "key_type"),
        (lambda make: key_pem(make.key("DSA")), "key_type"),
    ],
)
def test_what_is_no_usable_key_is_told_apart(make: Maker, given: Any, code: str) -> None:
    assert refusals(pem(make.certificate()), given(make)) == [("private_key", code)]


def test_a_wrong_password_is_the_passwords_own_mistake(make: Maker) -> None:
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        key = key_pem(make.key("RSA 2048"), form=form, password="right")
        found = refusals(pem(make.certificate(make.key("RSA 2048"))), key, password="wrong")
        assert found == [("password", "key_password_wrong")]


@pytest.mark.parametrize("kind", ["RSA 1024", "secp256k1", "Ed448", "DSA"])
def test_a_certificate_of_such_a_key_is_refused_with_it(make: Maker, kind: str) -> None:
    key = make.key(kind)
    what = "weak" if kind == "RSA 1024" else "type"
    wanted = [("certificate", f"certificate_{what}"), ("private_key", f"key_{what}")]
    assert refusals(pem(make.certificate(key)), key_pem(key)) == wanted


def test_files_given_in_each_others_place_are_told_so_both(make: Maker) -> None:
    found = refusals(key_pem(make.key()), pem(make.certificate()))
    assert found == [("certificate", "certificate_is_key"), ("private_key", "key_is_certificate")]


def test_a_key_that_belongs_to_another_certificate_of_the_chain_shows_its_order(make: Maker) -> None:
    leaf, middle, root = make.chain()
    found = refusals(pem(middle, root), key_pem(make.key()))
    assert found == [("private_key", "key_mismatch")]
    assert refusals(pem(leaf, middle, root), key_pem(make.key("P-256", 2))) == [
        ("certificate", "certificate_chain_order")
    ]


def test_every_refusal_has_words_in_the_language_of_the_page(make: Maker) -> None:
    with translation.override("en"), pytest.raises(KeyPairRefused) as refused:
        read(pem(make.certificate(starts=-2 * DAY, ends=-DAY)), key_pem(make.key("RSA 1024")))
    messages = [str(problem.message) for problem in refused.value.problems]
    assert messages == [
        "This certificate expired on 2026-02-28.",
        "This RSA key has 1024 bits. At least 2,048 are needed.",
    ]


def test_no_part_of_a_key_is_in_any_repr_or_message(make: Maker) -> None:
    key = key_pem(make.key())
    secret = key.splitlines()[1].decode()
    found = read(pem(make.certificate()), key)
    with pytest.raises(KeyPairRefused) as refused:
        read(key, _damaged(key) + b"\n")
    upload = Upload(b"c", key, password="password-1")
    told = [found, found.material, upload, refused.value, *refused.value.problems]
    assert [each for each in told if secret in repr(each) or "password-1" in repr(each)] == []


def test_a_key_whose_numbers_do_not_belong_together_is_refused(make: Maker) -> None:
    one, other = (make.key("RSA 2048", number).private_numbers() for number in (1, 2))
    mixed = rsa.RSAPrivateNumbers(one.p, one.q, other.d, one.dmp1, one.dmq1, one.iqmp, one.public_numbers)
    spoilt = key_pem(mixed.private_key(unsafe_skip_rsa_key_validation=True))
    certificate = pem(make.certificate(make.key("RSA 2048", 1)))
    assert refusals(certificate, spoilt) == [("private_key", "key_unreadable")]


def test_a_key_too_long_to_prove_costs_no_time(make: Maker) -> None:
    """A key of 16,384 bits, its numbers invented: to look for primes among them would take minutes."""
    number = 2**8192 - 1
    public = rsa.RSAPublicNumbers(65_537, number * number)
    made = rsa.RSAPrivateNumbers(number, number, 3, 3, 3, 3, public).private_key(unsafe_skip_rsa_key_validation=True)
    binary = made.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    started = time.monotonic()
    assert refusals(pem(make.certificate()), key_pem(made)) == [("private_key", "key_type")]
    assert refusals(pem(make.certificate()), binary) == [("private_key", "key_binary")]
    assert time.monotonic() - started < 1.0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_what_openssl_makes_is_taken(tmp_path: Path) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=client -keyout c.key -out c.crt"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    files = [(tmp_path / name).read_bytes() for name in ("c.crt", "c.key")]
    upload = Upload(files[0], files[1], "c.crt", "c.key")
    assert read_key_pair(upload, now=datetime.now(UTC)).key_words == "RSA 2048"
