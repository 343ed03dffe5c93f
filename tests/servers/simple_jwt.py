"""Simple JWT of Django REST framework in a process of its own: a JWT for user and password, and a receiver that accepts
nothing but a valid one.

    python tests/servers/simple_jwt.py configuration.json

The file: port, user, password, lifetime (seconds), key. POST /token/ takes {"user", "password"} and answers {"access",
"refresh"}; POST /hook is for who brings that as Bearer. It prints a line of JSON for each request and its answer.
"""

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse

asked: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    SECRET_KEY=asked["key"],
    MIDDLEWARE=[f"{__name__}.told"],
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    SIMPLE_JWT={"ACCESS_TOKEN_LIFETIME": timedelta(seconds=asked["lifetime"]), "UPDATE_LAST_LOGIN": False},
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"]},
)
django.setup()

from django.contrib.auth.models import User
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer
from rest_framework_simplejwt.views import TokenObtainPairView


def told(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that writes down what came and what was answered."""

    def tell(request: HttpRequest) -> HttpResponse:
        body = request.body.decode()
        response = get_response(request)
        line = {"path": request.path, "headers": dict(request.headers), "body": body, "status": response.status_code}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        return response

    return tell


class UserAndPassword(TokenObtainPairSerializer):
    """Calls the name of the user "user", as the example of the guide does."""

    def to_internal_value(self, data: dict[str, Any]) -> Any:
        return super().to_internal_value({"username": data.get("user"), **data})


class Obtain(TokenObtainPairView):
    serializer_class = UserAndPassword


class Hook(APIView):
    """A receiver of notifications."""

    permission_classes = [IsAuthenticated]

    def post(self, request: Any) -> Response:
        return Response(status=204)


urlpatterns = [path("token/", Obtain.as_view()), path("hook", Hook.as_view())]


class Quiet(WSGIRequestHandler):
    """Says nothing of its own among the lines."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    User.objects.create_user(asked["user"], password=asked["password"])
    make_server("127.0.0.1", asked["port"], get_wsgi_application(), handler_class=Quiet).serve_forever()
