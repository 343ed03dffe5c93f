"""The Session for libraries that want one leads through the same door."""

import pickle
from typing import Any

import pytest
import requests

from outbound import client
from outbound.session import GuardedError, RedirectRefused, guarded_session
from outbound.transfer import Tls
from tests.certificates import Authority, server_context
from tests.network import Names
from tests.outbound.conftest import hook
from tests.receiver import Answer, Endless, Hang, Receiver

pytestmark = pytest.mark.usefixtures("reachable")


@pytest.fixture
def session() -> requests.Session:
    return guarded_session(5)


def test_a_form_is_posted_and_json_comes_back(session: requests.Session, receiver: Receiver) -> None:
    receiver.answer("/token", Answer(200, b'{"access_token": "t"}', [("Content-Type", "application/json")]))
    response = session.post(hook(receiver, "/token"), data={"grant_type": "client_credentials"}, auth=("id", "secret"))
    assert (response.status_code, response.json(), response.ok) == (200, {"access_token": "t"}, True)
    (received,) = receiver.requests()
    assert received.body == b"grant_type=client_credentials"
    assert received.header("Content-Type") == "application/x-www-form-urlencoded"
    assert received.header("Authorization") == "Basic aWQ6c2VjcmV0"
    assert {name for name, _ in received.headers} == {
        "Host", "User-Agent", "Accept", "Content-Type", "Content-Length", "Authorization",
    }  # fmt: skip


def test_an_answer_of_64_kibibytes_is_whole_and_a_longer_one_is_an_error(
    session: requests.Session, receiver: Receiver
) -> None:
    receiver.answer("/hook", Answer(200, b"x" * 60_000), Endless())
    assert len(session.get(hook(receiver)).content) == 60_000
    with pytest.raises(GuardedError, match="answer_too_large"):
        session.get(hook(receiver))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_every_redirect_is_an_error(session: requests.Session, receiver: Receiver, status: int) -> None:
    """requests itself would post the client's secret to the second address."""
    receiver.answer("/hook", Answer(status, b"", [("Location", hook(receiver, "/elsewhere"))]))
    for allow in (True, False):
        with pytest.raises(RedirectRefused) as caught:
            session.post(hook(receiver), data={"client_secret": "s"}, allow_redirects=allow)
        assert caught.value.result.status == status
    assert {request.path for request in receiver.requests()} == {"/hook"}


def test_an_error_status_is_an_answer(session: requests.Session, receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(401, b"no"))
    assert session.get(hook(receiver)).status_code == 401


def test_forbidden_targets_are_forbidden_here_too(session: requests.Session, names: Names) -> None:
    names["inner.test"] = ["10.0.0.1"]
    for url in ("http://10.0.0.1/", "http://inner.test/", "http://localhost/"):
        with pytest.raises(GuardedError) as caught:
            session.get(url)
        assert (caught.value.code, caught.value.result.sent) == ("refused_address", False)


@pytest.mark.parametrize("url", ["https://hook.test:0/", "https://hook.test:22/"])
def test_ports_are_checked_by_us(session: requests.Session, url: str) -> None:
    """requests takes port 0 for the default one and goes to port 22."""
    with pytest.raises(GuardedError, match="address_invalid"):
        session.get(url)


def test_no_other_scheme_and_no_other_adapter(session: requests.Session) -> None:
    with pytest.raises(GuardedError, match="address_invalid"):
        session.get("ftp://hook.test/")
    with pytest.raises(requests.exceptions.InvalidSchema):
        session.get_adapter("ftp://hook.test/")
    assert {type(adapter).__name__ for adapter in session.adapters.values()} == {"GuardedAdapter"}
    session.mount("https://", requests.adapters.HTTPAdapter())
    assert type(session.get_adapter("https://hook.test/")).__name__ == "GuardedAdapter"


def test_the_deadline_holds_and_a_timeout_only_shortens_it(receiver: Receiver) -> None:
    receiver.answer("/hook", Hang())
    for deadline, timeout in ((0.1, None), (0.1, 60), (60, 0.1), (60, (0.05, 0.05))):
        with pytest.raises(requests.Timeout) as caught:
            guarded_session(deadline).get(hook(receiver), timeout=timeout)
        assert caught.value.result.timing.total < 2  # type: ignore[attr-defined]


def test_cookies_are_neither_kept_nor_sent(session: requests.Session, receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(200, b"", [("Set-Cookie", "a=b")]))
    session.get(hook(receiver), cookies={"c": "d"})
    session.get(hook(receiver))
    assert len(session.cookies) == 0
    assert [request.header("Cookie") for request in receiver.requests()] == [None, None]


def test_the_environment_does_not_count(
    session: requests.Session, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    (tmp_path / ".netrc").write_text("machine hook.test login user password CANARY\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert session.get(hook(receiver)).status_code == 200
    assert receiver.requests()[0].header("Authorization") is None


def test_verification_cannot_be_switched_off(session: requests.Session) -> None:
    authority = Authority()
    with Receiver(tls=server_context(authority.issue("hook.test"))) as receiver:
        with pytest.raises(GuardedError, match="tls_unknown_authority"):
            session.get(hook(receiver), verify=False)
        assert guarded_session(5, tls=Tls(authority.pem)).get(hook(receiver)).status_code == 200


def test_only_text_and_bytes_are_sent(session: requests.Session, receiver: Receiver) -> None:
    with pytest.raises(TypeError):
        session.post(hook(receiver), data=iter([b"x"]))


def test_an_error_shows_no_address(session: requests.Session) -> None:
    with pytest.raises(GuardedError) as caught:
        session.get("https://nowhere.test/CANARY?k=CANARY")
    assert "CANARY" not in repr(caught.value) + str(caught.value) + repr(caught.value.__dict__)


def test_bodies_of_tokens_are_not_kept_by_idle_senders(session: requests.Session, receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(200, b"CANARY"))
    client._idle_senders.clear()
    session.post(hook(receiver), data="CANARY", headers={"X-Key": "CANARY"})
    (sender,) = client._idle_senders
    assert "CANARY" not in repr([exchange._callbacks.seen for exchange in sender._spare])
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(sender)


@pytest.mark.parametrize("charset", ["idna", "undefined", "base64"])
def test_a_charset_of_pythons_own_is_not_believed(session: requests.Session, receiver: Receiver, charset: str) -> None:
    """Some of them raise, whatever the text, and others are no text."""
    answer = Answer(200, '{"a": "ção"}'.encode(), [("Content-Type", f"application/json; charset={charset}")])
    receiver.answer("/hook", answer)
    assert session.get(hook(receiver)).text == '{"a": "ção"}'
