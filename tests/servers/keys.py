"""Keys as OAuth servers want them: JSON Web Keys, private or public, with the certificate where one is there."""

import base64
import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.certificates import KeyPair, make_key


def public_jwk(pair: KeyPair, **more: Any) -> dict[str, Any]:
    """The public key of a pair, with its certificate (x5c)."""
    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    encoded = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    return _jwk(certificate.public_key()) | {"x5c": [encoded], "use": "sig"} | more


def private_jwk(kind: str = "RSA", **more: Any) -> dict[str, Any]:
    """A new private key that a server may sign its tokens with."""
    return _jwk(make_key(kind)) | {"use": "sig"} | more


def _jwk(key: Any) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        made: Any = RSAAlgorithm.to_jwk(key)
    else:
        elliptic = isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey)
        made = ECAlgorithm.to_jwk(key) if elliptic else OKPAlgorithm.to_jwk(key)
    return {name: value for name, value in json.loads(made).items() if name != "key_ops"}
