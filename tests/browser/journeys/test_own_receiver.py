"""Somebody who has never seen the portal, with a terminal beside the browser: from the sign-in to a notification that a
program of their own has verified. The program, its settings and the command that starts it are those of the page."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from playwright.sync_api import BrowserContext, Locator, Page, expect

from access.actors import Actor
from catalog.models import Publication
from dispatch.actions import announce
from tests.browser.accessibility import find_violations
from tests.browser.journeys.walking import Say, sign_in_by_hand, speak
from tests.dispatch.running import dispatchers
from tests.factories import make_product, make_publication, make_webhook
from tests.people import Person
from tests.processes import portal_environment, started, wait_until
from tests.receiver import Answer, Call, Received, Receiver
from tests.receivers.samples import SAMPLES
from tests.services import free_port
from webhooks.diagnosis import DIAGNOSES
from webhooks.samples.languages import LANGUAGES
from webhooks.signing import generate_secret

TOKEN = "token-of-the-receiver-1f2e"
WEBHOOKS = "/settings/integration/webhooks/"

# A whole way, on a machine that does much else.
pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True)
class Program:
    """What a person has after the page of the receiver: a file in a folder, and what to type in a terminal there."""

    folder: Path
    terminal: str
    sample: str

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def kept(self) -> set[str]:
        return {path.name for path in (self.folder / "received").iterdir()}

    @contextmanager
    def runs(self, port: int) -> Iterator[None]:
        """It is started as the page says, and listens where the page says, until the block ends."""
        self.log.unlink(missing_ok=True)
        env = {name: value for name, value in portal_environment(self.folder).items() if name in ("HOME", "LANG")}
        # The command's first word is found as a person's shell finds it.
        env["PATH"] = f"{Path(SAMPLES[self.sample][0]()).parent}:/usr/bin:/bin"
        typed = f"cd '{self.folder}'\n{self.terminal}"
        with started("/bin/bash", "-c", typed, env=env, log=self.log) as shell:

            def listens() -> bool:
                assert shell.poll() is None, self.output
                return f"http://127.0.0.1:{port}" in self.output

            wait_until(listens, within=30, what="the program to say that it listens")
            yield


@pytest.fixture
def publication() -> Publication:
    found = make_publication(make_product(name="Preços Horários"), period="2026-11-19")
    announce(found, by=Actor.system("test"))
    return found


@pytest.fixture
def sending(live_server: Any, loopback: None, tmp_path: Path) -> Iterator[None]:
    settings = {"PORTAL_DOWNLOAD_BASE_URL": live_server.url, "PORTAL_OUTBOUND_DEADLINE_SECONDS": "8"}
    with dispatchers(tmp_path, 1, **settings, PORTAL_DISPATCH_LEASE_SECONDS="60"):
        yield


@pytest.fixture
def clipboard(context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])


def copied(page: Page, source: str) -> str:
    """Press the button beside a text; return what another program would paste."""
    page.locator(f"[data-copy-from={source}]").click()
    expect(page.locator(f"[data-copy-from={source}]")).to_have_attribute("data-copied", "")
    return str(page.evaluate("navigator.clipboard.readText()"))


def save_program(page: Page, sample: str, folder: Path, agreed: dict[str, str]) -> Program:
    """On the page of the receiver: copy the program into a file, and the lines of steps 2 and 3 into a terminal."""
    page.get_by_role("link", name=LANGUAGES[sample].label, exact=True).click()
    expect(page.locator("#file-title")).to_have_text(LANGUAGES[sample].file_name)
    folder.mkdir()
    (folder / page.locator("#file-title").inner_text()).write_text(copied(page, "receiver-text"))
    lines = page.locator("#receiver-settings").inner_text()
    for name, value in agreed.items():
        assert f"export {name}='…'" in lines
        lines = lines.replace(f"export {name}='…'", f"export {name}='{value}'")
    assert "…" not in lines, "the page asks for more than was agreed"
    # exec: what ends the shell ends the program.
    return Program(folder, f"{lines}\nexec {page.locator('#receiver-commands').inner_text()}", sample)


def send(page: Page, say: Say, *told: str) -> Locator:
    """Press Enviar beside the product; its row tells the end by itself."""
    row = page.locator("tr", has_text="Preços Horários")
    row.get_by_role("button", name=say("Send")).click()
    for words in told:
        expect(row).to_contain_text(words, timeout=20_000)
    return row


@pytest.mark.parametrize(("language", "sample"), [("pt-br", "python"), ("en", "python"), ("en", "node")])
def test_from_the_sign_in_to_a_notification_that_an_own_program_has_verified(
    language: str,
    sample: str,
    page: Page,
    owner: Person,
    publication: Publication,
    sending: None,
    clipboard: None,
    tmp_path: Path,
) -> None:
    say, port = speak(owner, language), free_port()
    sign_in_by_hand(page, owner)
    page.locator(".next-action").get_by_role("link", name=say("New webhook")).click()
    page.get_by_label(say("Description")).first.fill("Meu receptor")
    page.get_by_label("Request URI").fill(f"http://127.0.0.1:{port}/")
    page.locator("[name='auth_method']").select_option("secret")
    page.locator("[name='secret-secret']").fill(TOKEN)
    page.get_by_label("Preços Horários").check()
    page.locator("#save-button").click()

    page.get_by_role("button", name=say("Show it once")).click()
    secret = copied(page, "signing-secret")
    page.get_by_role("link", name=say("Get a receiver that checks it")).click()
    program = save_program(page, sample, tmp_path / "mine", {"WEBHOOK_SECRET": secret, "WEBHOOK_TOKEN": TOKEN})
    assert find_violations(page) == []

    with program.runs(port):
        page.get_by_role("link", name=say("Send from the details")).click()
        send(page, say, say("Delivered"), "204")
        (told,) = re.findall(r"^(msg_\S+): signature verified: Preços Horários$", program.output, re.MULTILINE)
    assert program.kept() == {f"{told}.json", f"{told}.data"}
    assert (program.folder / "received" / f"{told}.data").read_bytes() == publication.file.read()
    page.locator("#webhook-recent").get_by_role("link", name=re.compile("Preços Horários")).click()
    expect(page.locator("main")).to_contain_text(told)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_a_wrong_secret_is_refused_and_the_page_says_what_to_do(
    language: str, page: Page, owner: Person, publication: Publication, sending: None, clipboard: None, tmp_path: Path
) -> None:
    say, port = speak(owner, language), free_port()
    sign_in_by_hand(page, owner)
    webhook = open_receiver(page, owner, publication, port)
    agreed = {"WEBHOOK_SECRET": generate_secret()}
    wrong = save_program(page, "python", tmp_path / "mine", agreed)
    page.get_by_role("link", name=say("Send from the details")).click()
    with wrong.runs(port):
        send(page, say, "401")
        assert_explained(page, say, wrong, language)

    # What to do, done: the row of the same page tells it.
    terminal = wrong.terminal.replace(agreed["WEBHOOK_SECRET"], webhook.signing_secret)
    with Program(wrong.folder, terminal, "python").runs(port):
        send(page, say, say("Delivered"), "204")


@pytest.mark.parametrize("sample", ["python", "node"])
def test_a_body_that_was_changed_on_the_way_is_refused(
    sample: str, page: Page, owner: Person, publication: Publication, sending: None, clipboard: None, tmp_path: Path
) -> None:
    say, port, behind = speak(owner, "en"), free_port(), free_port()
    sign_in_by_hand(page, owner)
    webhook = open_receiver(page, owner, publication, port)
    program = save_program(page, sample, tmp_path / "mine", {"WEBHOOK_SECRET": webhook.signing_secret})
    behind_it = program.terminal.replace(f"PORT='{port}'", f"PORT='{behind}'")
    page.get_by_role("link", name=say("Send from the details")).click()
    with ExitStack() as stack:
        stack.enter_context(Program(program.folder, behind_it, sample).runs(behind))
        stack.enter_context(Receiver(port=port)).answer("/", Call(lambda request: pass_on_changed(request, behind)))
        send(page, say, "401")
        assert_explained(page, say, program, "en")


def open_receiver(page: Page, owner: Person, publication: Publication, port: int) -> Any:
    webhook = make_webhook(
        participant=owner.participant,
        request_uri=f"http://127.0.0.1:{port}/",
        products=[publication.product],
        max_attempts=2,
    )
    page.goto(f"{WEBHOOKS}{webhook.uuid}/receiver/")
    return webhook


def pass_on_changed(request: Received, port: int) -> Answer:
    """Somebody between the two who writes another price, and leaves the headers as they are."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/", request.body.replace(b"2026", b"2027"), dict(request.headers))
    answer = connection.getresponse()
    return Answer(answer.status, answer.read())


def assert_explained(page: Page, say: Say, program: Program, language: str) -> None:
    """The page says what to do about it, and the program what it did not believe; nothing was kept."""
    found = page.locator("#webhook-troubles")
    expect(found).to_contain_text(say("What to do"), timeout=10_000)
    with translation.override(language):
        expect(found).to_contain_text(str(DIAGNOSES["unauthorized_none"].action))
    expect(found).to_contain_text(say("Not authorised: 401"))
    assert find_violations(page) == []
    assert "webhook-signature was not made with this WEBHOOK_SECRET, or the body was changed" in program.output
    assert program.kept() == set()
