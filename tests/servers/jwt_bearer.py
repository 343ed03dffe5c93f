"""Authlib's authorization server for the JWT bearer grant (RFC 7523, section 2.1), in a process of its own.

    python tests/servers/jwt_bearer.py configuration.json

The file: port, audience, and clients: issuer -> jwk (public), subjects (for whom it may ask). It prints a line of JSON
for each token request: the form, the headers, and what was answered.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from authlib.integrations.django_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc7523 import JWTBearerGrant
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from joserfc import jwk

asked: dict[str, Any] = {}


class Client(ClientMixin):
    """A client as Authlib wants it: named by the `iss` of its assertions."""

    def __init__(self, issuer: str, registered: Mapping[str, Any]) -> None:
        self.issuer, self.registered = issuer, registered

    def get_client_id(self) -> str:
        return self.issuer

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == JWTBearerGrant.GRANT_TYPE

    def get_allowed_scope(self, scope: str) -> str:
        return scope or "deliver"


class Grant(JWTBearerGrant):
    """The hooks that Authlib asks for; all the rules are its own."""

    LEEWAY = 5

    def resolve_issuer_client(self, issuer: str) -> Client | None:
        found = asked["clients"].get(issuer)
        return Client(issuer, found) if found else None

    def resolve_client_public_key(self, client: Client) -> Any:
        return jwk.import_key(client.registered["jwk"])

    def authenticate_user(self, subject: str) -> Any:
        known = {name for client in asked["clients"].values() for name in client["subjects"]}
        return SimpleNamespace(pk=subject) if subject in known else None

    def has_granted_permission(self, client: Client, user: Any) -> bool:
        return user.pk in client.registered["subjects"]

    def get_audiences(self) -> list[str]:
        return [asked["audience"]]


class Server(AuthorizationServer):
    """Tokens are told, not kept: nobody asks for them again."""

    def query_client(self, client_id: str) -> None:
        return None

    def save_token(self, token: Any, request: Any) -> None:
        return None


def make_view() -> Any:
    server = Server(None, None)
    server.register_grant(Grant)

    @csrf_exempt
    def token(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = server.create_token_response(request)
        line = {"form": request.POST.dict(), "headers": dict(request.headers), "status": response.status_code}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        return response

    return token


class Quiet(WSGIRequestHandler):
    """Says nothing of its own among the lines."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return


def main() -> None:
    asked.update(json.loads(Path(sys.argv[1]).read_text()))
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="of this process")
    django.setup()
    urlpatterns.append(path("token", make_view()))
    make_server("127.0.0.1", asked["port"], get_wsgi_application(), handler_class=Quiet).serve_forever()


urlpatterns: list[Any] = []

if __name__ == "__main__":
    main()
