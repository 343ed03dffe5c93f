"""A process that guesses: run by tests/access/test_limits_of_processes.py with the settings of a portal.

Waits for a line on its input, so that several begin together; prints, as JSON, what each guess was answered.
"""

import json
import sys

import django

django.setup()

from allauth.core import context  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402

from access.errors import ActionError  # noqa: E402
from access.mfa.codes import verify_code  # noqa: E402
from access.models import User  # noqa: E402


def guess_password(email: str) -> str:
    answer = Client().post("/accounts/login/", {"login": email, "password": "wrong"})
    (error,) = answer.context["form"].errors.as_data()["__all__"]
    return str(error.code)


def guess_code(email: str) -> str:
    request = RequestFactory().post("/")
    try:
        with context.request_context(request):
            verify_code(User.objects.get(email=email), "000000", request=request)
    except ActionError as refused:
        return refused.code
    return "accepted"


def main(kind: str, email: str, times: int) -> None:
    guess = {"password": guess_password, "code": guess_code}[kind]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(json.dumps([guess(email) for _ in range(times)]))


if __name__ == "__main__":
    from django.test.utils import setup_test_environment

    setup_test_environment()
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
