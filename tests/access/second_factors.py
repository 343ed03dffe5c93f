"""People with a second factor, as their telephone sees it."""

import time
from dataclasses import dataclass
from typing import Any

from django.test import Client

from access.actors import Actor
from access.mfa import actions, totp
from tests.factories import make_user

PASSWORD = "a-good-long-password"


@dataclass
class Telephone:
    """An app with the seed of `user`, and the recovery codes that were kept."""

    user: Any
    seed: str
    recovery_codes: list[str]

    def code(self, steps_later: int = 0) -> str:
        return totp.code_at(self.seed, totp.step_at(time.time()) + steps_later)


def set_up(user: Any = None) -> Telephone:
    """Give `user` a factor, set up some minutes ago: the code that the app shows now is still unused."""
    user = user or make_user(password=PASSWORD)
    seed = actions.make_seed()
    step = totp.step_at(time.time()) - 10
    codes = actions.enable_mfa(user, seed=seed, step=step, by=Actor.for_self(user))
    return Telephone(user, seed, codes)


def give_password(client: Client, user: Any, **over: str) -> Any:
    return client.post("/accounts/login/", {"login": user.email, "password": PASSWORD} | over)


def give_code(client: Client, code: str) -> Any:
    return client.post("/accounts/two-step/code/", {"code": code})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session
