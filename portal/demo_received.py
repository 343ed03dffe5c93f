"""What the demo receiver has written down, shown in the portal: its file read from the end, newest request first."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from access.decorators import participant_page
from access.requests import PortalRequest

SHOWN = 30
TAIL_BYTES = 512 * 1024


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as the receiver saw it, with what it answered and what it downloaded meanwhile."""

    at: datetime | None
    path: str
    status: int
    headers: list[tuple[str, str]]
    body: str
    download: str

    @property
    def accepted(self) -> bool:
        return self.status < 300

    @property
    def message_id(self) -> str:
        return next((value for name, value in self.headers if name == "webhook-id"), "")


@require_safe
@participant_page()
def demo_received(request: PortalRequest) -> HttpResponse:
    """The page; with htmx its list alone, or nothing when it holds no news. None where no demo receiver runs."""
    if not settings.PORTAL_DEMO_RECEIVER_URL:
        raise Http404
    received = read_last(settings.PORTAL_HOME / "received.jsonl")
    fragment = request.headers.get("HX-Request") == "true"
    newest = received[0].at.isoformat() if received and received[0].at else ""
    if fragment and request.GET.get("seen", "") == newest:
        return HttpResponse(status=204)
    template = "portal/_demo_received.html" if fragment else "portal/demo_received.html"
    return render(request, template, {"received": received, "receiver": settings.PORTAL_DEMO_RECEIVER_URL})


def read_last(path: Path) -> list[ReceivedRequest]:
    """Return the last requests, newest first. A line that is being written is left for the next look."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            tail = file.read()
    except FileNotFoundError:
        return []
    lines = tail.decode("utf-8", "replace").split("\n")[:-1][-SHOWN:]
    return [line for text in reversed(lines) if (line := _read_line(text))]


def _read_line(text: str) -> ReceivedRequest | None:
    try:
        line: dict[str, Any] = json.loads(text)
    except ValueError:
        return None  # the first line of the tail may be cut
    return ReceivedRequest(
        at=parse_datetime(line["at"]),
        path=line["path"],
        status=line["status"],
        headers=[(name, value) for name, value in line["headers"]],
        body=_indented(line["body"]),
        download=line.get("download", ""),
    )


def _indented(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=1)
    except ValueError:
        return body
