"""Bearer tokens (OAuth2, JWT Bearer) checked against the server that issued them: for receiver.py or a view of yours.

    python3 -m pip install "pyjwt[crypto]"
    WEBHOOK_ISSUER=https://login.example WEBHOOK_AUDIENCE=https://receiver.example python3 receiver.py

The issuer's keys are found as OpenID Connect Discovery says, and kept for some minutes. Tokens that are not JWTs can't
be checked so: ask the issuer's introspection endpoint (RFC 7662).
"""

import json
import urllib.request

import jwt

# Never believe the token's own word on how it is signed.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"]


class Issuer:
    """Whom tokens must come from, and for whom they must be made."""

    def __init__(self, address, audience):
        with urllib.request.urlopen(f"{address.rstrip('/')}/.well-known/openid-configuration", timeout=10) as response:
            described = json.load(response)
        self.name, self.audience = described["issuer"], audience
        self.keys = jwt.PyJWKClient(described["jwks_uri"], timeout=5)

    def vouches_for(self, authorization):
        """Whether a header says Bearer and a token of this issuer, for us, that has not expired.

        Raises jwt.PyJWKClientConnectionError when the issuer can't be asked for its keys: that is no reason to say 401.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return False
        wanted = {"algorithms": ALGORITHMS, "issuer": self.name, "audience": self.audience}
        try:
            key = self.keys.get_signing_key_from_jwt(token)
            jwt.decode(token, key.key, options={"require": ["exp", "iss", "aud"]}, leeway=30, **wanted)
        except jwt.PyJWKClientConnectionError:
            raise
        except jwt.PyJWTError:
            return False
        return True
