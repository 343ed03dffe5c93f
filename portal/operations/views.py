"""The pages of operations: the overview, the jobs, and the questions before something is asked of a job."""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access.actors import Actor
from access.errors import ActionError
from dispatch import backlog, clock
from dispatch.admin.pausing import PERMISSION as MAY_PAUSE
from dispatch.admin.pausing import pausing_url
from dispatch.minutes import read_minutes
from dispatch.tallies import COUNTED_TO
from dispatch.troubles import find_slowest, find_troubles
from portal import job_orders
from portal.operations.attention import list_concerns
from portal.operations.chart import SPANS, build_chart, first_moment
from portal.operations.figures import load_figures, load_senders, milliseconds_text
from portal.operations.job_rows import JobRow, find_job_row, load_job_rows

VIEW, MANAGE = "portal.view_operations", "portal.manage_jobs"
DEFAULT_SPAN = "6h"

View = Callable[..., HttpResponse]


def _needs(permission: str) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


@require_safe
@_needs(VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    """How the sending fares, what needs somebody, and the jobs. Its cost does not grow with what was ever sent."""
    span = SPANS.get(request.GET.get("span", ""), SPANS[DEFAULT_SPAN])
    now = timezone.localtime(clock.now())
    since = first_moment(span, now)
    minutes = list(read_minutes(since=since, counted_to=COUNTED_TO))
    jobs = load_job_rows(now)
    held = backlog.count_held()
    context = {
        "span": span,
        "spans": SPANS.values(),
        "now": now,
        "chart": build_chart(minutes, span=span, now=now),
        "figures": load_figures(_by_minute(minutes), held=held, since=since, now=now),
        "senders": load_senders(now),
        "troubles": _with_ways(request, find_troubles(since=since)),
        "slowest": [_slow_row(each) for each in find_slowest(since=since)],
        "concerns": list_concerns(request, jobs, held=held),
        "jobs": jobs,
    }
    return _page(request, "overview", _("Overview of operations"), **context)


@require_safe
@_needs(VIEW)
def jobs(request: HttpRequest) -> HttpResponse:
    return _page(request, "jobs", _("Periodic jobs"), jobs=load_job_rows(), now=clock.now())


@require_http_methods(["GET", "HEAD", "POST"])
@_needs(MANAGE)
def job_run(request: HttpRequest, task: str) -> HttpResponse:
    """Ask whether a job is to run now, and by POST have it run."""
    job = _find(task)
    if request.method == "POST":
        job_orders.ask_for_run(job.row, by=_staff(request))
        words = _("“%(job)s” runs within a few seconds. Its result appears here.")
        return _done(request, words % {"job": job.name})
    return _page(request, "job_confirm", _("Run a job now"), job=job, verb="run")


@require_http_methods(["GET", "HEAD", "POST"])
@_needs(MANAGE)
def job_pause(request: HttpRequest, task: str) -> HttpResponse:
    return _switch(request, _find(task), job_orders.pause_job, "pause")


@require_http_methods(["GET", "HEAD", "POST"])
@_needs(MANAGE)
def job_resume(request: HttpRequest, task: str) -> HttpResponse:
    return _switch(request, _find(task), job_orders.resume_job, "resume")


def _switch(request: HttpRequest, job: JobRow, action: Callable[..., None], verb: str) -> HttpResponse:
    titles = {"pause": _("Pause a job"), "resume": _("Resume a job")}
    if request.method != "POST":
        # What is so already needs no button.
        idle = {"pause": _("This job is paused already."), "resume": _("This job is not paused.")}
        there = job.paused == (verb == "pause")
        return _page(request, "job_confirm", titles[verb], job=job, verb=verb, idle=idle[verb] if there else "")
    try:
        action(job.row, by=_staff(request))
    except ActionError as refused:
        messages.warning(request, refused.message)
        return redirect("admin:operations_jobs")
    done = {"pause": _("“%(job)s” is paused."), "resume": _("“%(job)s” runs by its schedule again.")}
    return _done(request, done[verb] % {"job": job.name})


def _find(task: str) -> JobRow:
    job = find_job_row(task)
    if job is None:
        raise Http404
    return job


def _done(request: HttpRequest, words: str) -> HttpResponse:
    messages.success(request, words)
    return redirect("admin:operations_jobs")


def _page(request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
    own = {"title": title, "may_manage": request.user.has_perm(MANAGE), **context}
    everything = {**admin.site.each_context(request), **own}
    return TemplateResponse(request, f"admin/operations/{name}.html", everything)


def _by_minute(minutes: list[tuple[Any, int, int, int]]) -> list[tuple[Any, int]]:
    totals = Counter[Any]()
    for minute, *counts in minutes:
        totals[minute] += sum(counts)
    return list(totals.items())


def _with_ways(request: HttpRequest, troubles: list[Any]) -> list[dict[str, Any]]:
    """Each trouble with the address of its pause, or of its end, for those who may."""
    back, may = request.get_full_path(), request.user.has_perm(MAY_PAUSE)

    def way(trouble: Any) -> str:
        verb = "resume" if trouble.webhook.stopped else "pause"
        return pausing_url(verb, [trouble.webhook.uuid], back=back) if may else ""

    return [{"trouble": trouble, "way": way(trouble)} for trouble in troubles]


def _slow_row(slow: Any) -> dict[str, Any]:
    median, p95 = milliseconds_text(slow.median_ms), milliseconds_text(slow.p95_ms)
    return {"webhook": slow.webhook, "median": median, "p95": p95, "attempts": slow.attempts}


def _staff(request: HttpRequest) -> Actor:
    return Actor.for_staff(request.user)  # type: ignore[arg-type]
