"""How Chromium is started, by the tests and for the pictures: it asks nobody outside for anything."""

# Chromium asks its makers about updates and passwords unless told not to; and as root it has no sandbox.
QUIET = (
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=OptimizationHints,MediaRouter",
)
