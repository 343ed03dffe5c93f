"""Listens to pages and keeps what a person with open developer tools would see in red."""

from playwright.sync_api import ConsoleMessage, Page, Response


class Watch:
    """What one test's pages did wrong: content policy violations, console errors, script errors, failed loads."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._expected: set[int] = set()

    def expect_status(self, status: int) -> None:
        """A page of this test answers with this status on purpose. Chromium writes a console error for it."""
        self._expected.add(status)

    def follow(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.seen.append(f"script error: {error}"))
        page.on("response", self._response)

    def check(self) -> None:
        assert self.seen == []

    def _console(self, message: ConsoleMessage) -> None:
        if message.type != "error" or message.text.startswith("Failed to load resource"):
            return
        self.seen.append(f"console: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._expected:
            self.seen.append(f"{response.status} from {response.url}")
