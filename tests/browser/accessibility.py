"""axe-core over a page: the rules of WCAG 2.2 A and AA that a machine can judge."""

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def find_violations(page: Page) -> list[str]:
    """Return one line per broken rule and element. Runs through the developer tools, so the content policy stays on."""
    # The address changes before the page is there.
    page.wait_for_load_state()
    page.evaluate(AXE.read_text())
    found = page.evaluate("tags => axe.run(document, {runOnly: tags, preload: false})", TAGS)
    return [
        f"{violation['id']}: {' '.join(node['target'])} ({node['failureSummary']})"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
