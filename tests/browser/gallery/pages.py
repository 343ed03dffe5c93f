"""Which pages are pictured, by the name of their file."""

from typing import Any

from django.urls import reverse

from connections.kinds.registry import KINDS
from tests.browser.gallery.story import Story


def story_pages(story: Story) -> dict[str, str]:
    """The address of every page of a participant, with something on it."""
    return _own_pages() | _pages_of_webhooks(story) | _pages_of_connections(story)


def _own_pages() -> dict[str, str]:
    names = ["portal:home", "portal:profile", "portal:settings", "portal:integration", "account_change_password"]
    names += ["account_logout", "access:session-list", "mfa_index", "mfa_set_up"]
    names += (f"portal:help-{name}" for name in ("home", "receiving", "formats", "retries", "failures"))
    return {name.partition(":")[2] or name: reverse(name) for name in names}


def _pages_of_webhooks(story: Story) -> dict[str, str]:
    healthy, product = story.webhooks["healthy"], story.products["PROGRAMA-DIARIO"]
    pages = {
        "webhooks": _at("webhooks:webhook-list"),
        "webhooks-none-found": f"{_at('webhooks:webhook-list')}?q=zzz",
        "webhook-settings-of-profile": _at("webhooks:profile-webhook-list"),
        "webhook-new": _at("webhooks:webhook-create"),
        "webhook-edit": _at("webhooks:webhook-edit", story.webhooks["failing"]),
        "webhook-archive": _at("webhooks:webhook-archive", healthy),
        "webhook-secret": _at("webhooks:webhook-secret", healthy),
        "webhook-receiver": _at("webhooks:webhook-receiver", healthy),
        "send-all": _at("dispatch:batch-send-all", healthy),
        "resend-pending": _at("dispatch:batch-resend-pending", story.webhooks["failing"]),
        "sending": reverse("dispatch:batch-detail", args=[healthy.uuid, story.batch.uuid]),
        "notifications": _at("dispatch:delivery-list"),
        "publications": _at("catalog:publication-list"),
        "publications-open": f"{_at('catalog:publication-list')}?open={product.uuid}",
        "publications-none-found": f"{_at('catalog:publication-list')}?q=zzz",
        "product": _at("catalog:product-detail", product),
    }
    pages |= {f"webhook-{name}": _at("dispatch:webhook-detail", each) for name, each in story.webhooks.items()}
    names = {name: name.replace(" ", "-") for name in story.deliveries}
    return pages | {
        f"notification-{names[name]}": _at("dispatch:delivery-detail", story.deliveries[name]) for name in names
    }


def _pages_of_connections(story: Story) -> dict[str, str]:
    pages = {
        "connections": _at("connections:connection-list"),
        "connection-kinds": _at("connections:connection-choose"),
        "certificates": _at("connections:key-pair-list"),
        "certificate-new": _at("connections:key-pair-create"),
        "connection-run": _at("connections:run-detail", story.runs["refused"]),
    }
    pages |= {f"connection-new-{kind}": reverse("connections:connection-create", args=[kind]) for kind in KINDS}
    pages |= {
        f"connection-{kind}": _at("connections:connection-detail", row) for kind, row in story.connections.items()
    }
    first, pair = story.connections["oauth2"], story.key_pairs["soon"]
    pages |= {f"connection-{name}": _at(f"connections:connection-{name}", first) for name in ("edit", "archive")}
    pages["connection-obtain"] = _at("connections:connection-run", story.connections["btg_id"])
    return pages | {
        f"certificate-{name}": _at(f"connections:key-pair-{name}", pair) for name in ("detail", "replace", "archive")
    }


def asking_pages(story: Story) -> dict[str, str]:
    """Pages that ask who is there when the session is an old one, and lead away from the question when it is not."""
    pages = story_pages(story) | {"account_reauthenticate": reverse("account_reauthenticate")}
    names = ("account_reauthenticate", "mfa_set_up", "webhook-edit", "certificate-new")
    return {f"asked-{name}": pages[name] for name in names}


def empty_pages() -> dict[str, str]:
    """Pages that look different before there is anything."""
    names = ["portal:home", "webhooks:webhook-list", "webhooks:webhook-create", "dispatch:delivery-list"]
    names += ["catalog:publication-list", "connections:connection-list", "connections:key-pair-list"]
    return {f"empty-{name.partition(':')[2]}": reverse(name) for name in names}


def signed_out_pages() -> dict[str, str]:
    """What somebody without a session sees."""
    names = (
        "account_login",
        "account_reset_password",
        "account_reset_password_done",
        "account_signup",
        "account_inactive",
        "account_reset_password_from_key_done",
    )
    pages = {f"signed-out-{name.removeprefix('account_')}": reverse(name) for name in names}
    return pages | {"signed-out-not-found": "/nothing-here"}


def _at(name: str, row: Any = None) -> str:
    return reverse(name, args=[row.uuid] if row else [])
