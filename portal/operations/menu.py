"""The admin's side list, by what people come for instead of by which app a table belongs to."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Names of models, in the order shown. One that stands nowhere comes under its app's own name, below all others.
GROUPS: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    (
        "operations",
        gettext_lazy("Operations"),
        ("Delivery", "Attempt", "Event", "SendBatch", "Lane", "DispatcherBeat", "Incident", "Notice"),
    ),
    (
        "webhooks",
        gettext_lazy("Webhooks"),
        ("Webhook", "ProductStatus", "WebhookTest", "Connection", "KeyPair", "CachedToken", "ConnectionRun"),
    ),
    ("participants", gettext_lazy("Participants"), ("Participant", "User", "UserSession", "Group")),
    ("catalogue", gettext_lazy("Catalogue"), ("Publication", "Product", "Process", "MacroProcess")),
    ("audit", gettext_lazy("Audit"), ("AuditEntry",)),
)


def group_models(apps: list[dict[str, Any]], request: HttpRequest) -> list[dict[str, Any]]:
    """Return Django's list of apps as groups. What the reader may not open is in none of them."""
    models = {model["object_name"]: model for app in apps for model in app["models"]}
    groups = [
        _group(key, name, [*_pages(key, request), *(models.pop(each) for each in names if each in models)])
        for key, name, names in GROUPS
    ]
    rest = [
        {**app, "models": left}
        for app in apps
        if (left := [model for model in app["models"] if model["object_name"] in models])
    ]
    return [group for group in groups if group["models"]] + rest


def _group(key: str, name: Any, models: list[dict[str, Any]]) -> dict[str, Any]:
    return {"app_label": key, "name": str(name), "app_url": "", "has_module_perms": True, "models": models}


def _pages(key: str, request: HttpRequest) -> list[dict[str, Any]]:
    """The pages of operations that are no table."""
    if key != "operations" or not request.user.has_perm("portal.view_operations"):
        return []
    return [
        _entry("Overview", _("Overview"), reverse("admin:operations")),
        _entry("Jobs", _("Periodic jobs"), reverse("admin:operations_jobs")),
    ]


def _entry(object_name: str, name: str, url: str) -> dict[str, Any]:
    return {
        "object_name": object_name,
        "name": name,
        "admin_url": url,
        "add_url": None,
        "view_only": True,
        "page": True,
    }
