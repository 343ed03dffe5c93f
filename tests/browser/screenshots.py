"""Pictures of the running product for the README: `make screenshots`.

Starts the portal with its demo data on free ports and in a folder of its own, lets a few notifications be sent, and
photographs some pages. WebP at 1280 px: sharp letters at some 30 KB a picture.
"""

import base64
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from tests.browser.quiet import QUIET
from tests.services import free_port, provide_chromium

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "screenshots"
QUALITY = 82
READY_WITHIN_SECONDS = 120
# Of portal/demo.py.
LOGIN, PASSWORD = "marina@ventoalto.example", "gancho-demo"


def main() -> int:
    program = os.environ.get("TEST_CHROMIUM") or provide_chromium()
    if not program:
        sys.stderr.write("Chromium is not here and could not be installed.\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with portal() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        for language in ("en", "pt-br"):
            context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 860})
            take_all(context.new_page(), language)
            context.close()
        browser.close()
    return 0


@contextmanager
def portal() -> Iterator[str]:
    """The address of a portal that is ready; stopped by its own process id."""
    home, port = tempfile.mkdtemp(), free_port(neighbours=2)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "DJANGO_"))}
    environment |= {"PORT": str(port), "PORTAL_HOME": home}
    process = subprocess.Popen([sys.executable, "-m", "portal.supervisor"], cwd=ROOT, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        shutil.rmtree(home)


def wait_until_ready(address: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            # The demo data comes last; only then can somebody sign in.
            with urllib.request.urlopen(f"{address}/health/delivering", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise SystemExit(f"the portal was not ready within {READY_WITHIN_SECONDS} s")


def take_all(page: Page, language: str) -> None:
    sign_in(page)
    choose_language(page, language)
    suffix = "" if language == "en" else f"-{language}"
    take(page, f"home{suffix}")
    page.goto("/settings/integration/webhooks/")
    take(page, f"webhooks{suffix}")
    if language != "en":
        return
    open_webhook(page, "Programação diária")
    send_first_product(page)
    take(page, "webhook")
    follow(page, page.locator("a[href$='/receiver/']").first)
    take(page, "receiver")
    page.goto("/settings/integration/webhooks/")
    open_webhook(page, "Contabilização e preços")
    follow(page, page.locator("#webhook-recent li a").first)
    take(page, "delivery")
    page.goto("/help/retries/")
    take(page, "retries")


def sign_in(page: Page) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        page.goto("/accounts/login/")
        page.fill("[name=login]", LOGIN)
        page.fill("[name=password]", PASSWORD)
        page.click("main button")
        page.wait_for_load_state()
        if "/accounts/login" not in page.url:
            return
        time.sleep(2)
    raise SystemExit("nobody can sign in")


def choose_language(page: Page, language: str) -> None:
    page.request.get("/")
    token = page.locator("[name=csrfmiddlewaretoken]").first.get_attribute("value")
    form = {"language": language, "next": "/", "csrfmiddlewaretoken": str(token)}
    page.request.post("/preferences/", form=form, headers={"referer": page.url})
    page.goto("/")


def open_webhook(page: Page, name: str) -> None:
    row = page.locator(".webhook-rows > li", has_text=name)
    follow(page, row.get_by_role("link", name="Show details"))


def follow(page: Page, link: Locator) -> None:
    answer = page.goto(str(link.get_attribute("href")))
    if answer is None or answer.status != 200:
        raise SystemExit(f"{page.url} answered {answer and answer.status}")


def send_first_product(page: Page) -> None:
    page.locator("#product-rows form button").first.click()
    page.get_by_text("Delivered").first.wait_for(timeout=15_000)


def take(page: Page, name: str) -> None:
    """Photograph what a 1280 px screen shows first."""
    page.evaluate("document.fonts.ready")
    shot = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    path = FOLDER / f"{name}.webp"
    path.write_bytes(base64.b64decode(shot["data"]))
    sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    sys.exit(main())
