"""Bringing in a file, step by step, and taking records out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.files.storage import storages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from crm.selection import Selection
from crm.views import actor, known
from integrations.files import choosing, exports, imports, pages, uploads
from integrations.files.models import Export, Import
from integrations.services.connect import Refused
from integrations.ui.pages import is_htmx, may, see_other, two_bodies
from tenants.access import require_role

#: Which part of the frame these pages belong to.
HERE = {"active": "records"}
State = Import.State
IMPORTS = gettext_lazy("import records")


def _job(pk: UUID) -> Import:
    return get_object_or_404(Import, pk=pk)


def _open(request: HttpRequest, pk: UUID) -> Import | HttpResponse:
    """The import while it can still be set up; else the way to where it stands."""
    job = _job(pk)
    if job.state in (State.DRAFT, State.READY, State.FAILED):
        return job
    return see_other(reverse("files:job", args=[pk]))


def _frame(job: Import) -> dict[str, str]:
    return HERE | {"nav_here": job.entity}


def _version(request: HttpRequest) -> int | None:
    given = request.POST.get("version", "")
    return int(given) if given.isdecimal() and len(given) < 9 else None


# --- import -----------------------------------------------------------------------------------------------------------------


@require_role("member", IMPORTS)
def start(request: HttpRequest, entity: str) -> HttpResponse:
    """Choose a file; or go on with one that is here already."""
    described, problem = known(entity), ""
    if request.method == "POST":
        try:
            file = request.FILES.get("file")  # reading it is what finds it too large
            too_large = getattr(request, uploads.TOO_LARGE, False)
            job = imports.create(entity, file, actor(request), request.tenant, too_large)
            return see_other(reverse("files:columns", args=[job.pk]))
        except Refused as refused:
            problem = str(refused)
    context = HERE | {
        "entity": described,
        "steps": pages.steps(None, "file", entity),
        "problem": problem,
        "recent": pages.recent(entity),
        "megabytes": uploads.MAX_BYTES // 2**20,
    }
    return render(request, "files/start.html", context, status=422 if problem else 200)


@require_role("member", IMPORTS)
@two_bodies
def columns(request: HttpRequest, pk: UUID) -> HttpResponse:
    job = _open(request, pk)
    if isinstance(job, HttpResponse):
        return job
    may_add, problem = may(request, "admin"), ""
    if request.method != "POST":
        mapper = choosing.Mapper(job, request.tenant)
    else:
        mapper = choosing.Mapper.posted(job, request.tenant, request.POST)
        if what := request.POST.get("do", ""):
            mapper.do(what)
        else:
            try:
                imports.map_columns(job, mapper.choices, request.tenant, may_add, _version(request))
                return see_other(reverse("files:matching", args=[pk]))
            except Refused as refused:
                problem = str(refused)
    context = (
        mapper.context(may_add)
        | _frame(job)
        | {
            "steps": pages.steps(job, "columns", job.entity),
            "layout": choosing.layout(job),
            "earlier": imports.before(job),
            "problem": problem,
            "version": request.POST.get("version") or job.version,
        }
    )
    name = "files/_columns.html" if is_htmx(request) else "files/columns.html"
    return render(request, name, context, status=422 if problem and not is_htmx(request) else 200)


@require_role("member", IMPORTS)
@require_POST
def layout(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Read the file another way."""
    wanted: dict[str, Any] = {
        name: request.POST[name] for name in ("encoding", "delimiter", "sheet") if name in request.POST
    }
    header = request.POST.get("header", "")
    if header:
        wanted["header"] = int(header) if header.isdecimal() and len(header) < 7 else 0
    try:
        imports.relayout(_job(pk), wanted, request.tenant, _version(request))
    except Refused as refused:
        messages.error(request, str(refused))
    return see_other(reverse("files:columns", args=[pk]))


@require_role("member", IMPORTS)
def matching(request: HttpRequest, pk: UUID) -> HttpResponse:
    job = _open(request, pk)
    if isinstance(job, HttpResponse):
        return job
    problem = ""
    if request.method == "POST":
        empty = "clear" if "clear" in request.POST else "keep"
        try:
            imports.match_by(job, request.POST.get("how", ""), request.POST.getlist("key"), empty, _version(request))
            imports.preview(_job(pk))
            return see_other(reverse("files:job", args=[pk]))
        except Refused as refused:
            problem = str(refused)
    context = (
        choosing.matching(job)
        | _frame(job)
        | {
            "steps": pages.steps(job, "matching", job.entity),
            "problem": problem,
            "version": request.POST.get("version") or job.version,
        }
    )
    return render(request, "files/matching.html", context, status=422 if problem else 200)


@require_role("viewer")
@two_bodies
def show(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where it stands: what would happen, what happens, what happened."""
    job = _job(pk)
    if job.state == State.DRAFT and may(request, "member"):
        return see_other(reverse("files:columns", args=[pk]))
    if is_htmx(request) and request.GET.get("after"):
        return HttpResponse(render_to_string("files/_lines.html", pages.lines(job, request.GET), request))
    context = pages.of(job, request.GET) | _frame(job) | {"steps": pages.steps(job, "preview", job.entity)}
    context["may_approve"] = not job.new_options or may(request, "admin")
    if is_htmx(request):
        response = render(request, "files/_job.html", context)
        if request.GET.get("was", job.state) != job.state:
            response.headers["HX-Refresh"] = "true"  # its head says something else now
        return response
    return render(request, "files/job.html", context)


@require_role("member", IMPORTS)
@require_POST
def preview(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _do(request, pk, lambda job: imports.preview(job))


@require_role("member", IMPORTS)
@require_POST
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    seen = _version(request) or 0  # without the number of what was seen nothing is approved
    return _do(request, pk, lambda job: imports.approve(job, actor(request), may(request, "admin"), seen))


@require_role("member", IMPORTS)
@require_POST
def undo(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _do(request, pk, lambda job: imports.undo(job, actor(request)))


@require_role("member", IMPORTS)
@require_POST
def discard(request: HttpRequest, pk: UUID) -> HttpResponse:
    job = _job(pk)
    try:
        imports.discard(job)
        messages.success(request, _("The import is thrown away. Nothing was written."))
    except Refused as refused:
        messages.error(request, str(refused))
        return see_other(reverse("files:job", args=[pk]))
    return see_other(reverse("files:import", args=[job.entity]))


def _do(request: HttpRequest, pk: UUID, act: Any) -> HttpResponse:
    job = _job(pk)
    try:
        act(job)
    except Refused as refused:
        messages.error(request, str(refused))
    return see_other(reverse("files:job", args=[pk]))


@require_role("viewer")
def refused(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The rows that did not come in, to be mended and brought again."""
    job = _job(pk)
    name = slugify(job.name.rpartition(".")[0] or job.name) or "rows"
    response = StreamingHttpResponse(imports.left_rows(job), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-refused.csv"'
    return response  # type: ignore[return-value]


# --- export -----------------------------------------------------------------------------------------------------------------


@require_role("viewer")
@two_bodies
def export(request: HttpRequest, entity: str) -> HttpResponse:
    """What shall be in the file; then the file, or a worker that writes it."""
    described = known(entity)
    sent = request.POST if request.method == "POST" else request.GET
    selection = Selection.of(described, sent)
    is_form = "order" in request.POST
    form = choosing.ExportForm.posted(described, request.POST) if is_form else choosing.ExportForm(described)
    problem = ""
    if is_form and (what := request.POST.get("do", "")):
        form.do(what)
    elif is_form and not form.columns:
        problem = _("Choose at least one column.")
    elif is_form:
        try:
            return _exported(request, described, selection, form)
        except Refused as refused:
            problem = str(refused)
    context = HERE | {
        "entity": described,
        "form": form,
        "selection": selection,
        "count": selection.count,
        "is_all": selection.query == "",
        "in_background": selection.count > exports.IN_BACKGROUND,
        "problem": problem,
        "taken": pages.taken(entity),
        "delimiters": [("comma", _("comma")), ("semicolon", _("semicolon")), ("tab", _("tab"))],
    }
    if is_htmx(request):
        return render(
            request, "files/_taken.html" if request.method == "GET" else "files/_export_columns.html", context
        )
    return render(request, "files/export.html", context, status=422 if problem else 200)


def _exported(request: HttpRequest, described: Any, selection: Selection, form: choosing.ExportForm) -> HttpResponse:
    made = exports.create(
        described, form.columns, form.format, form.options, actor(request), selection.query, selection.ids
    )
    if made.total > exports.IN_BACKGROUND:
        exports.in_background(made)
        messages.success(request, _("The file is being written. It appears below when it is ready."))
        return see_other(reverse("files:export", args=[described.name]))
    response = StreamingHttpResponse(exports.stream(made, request.tenant), content_type=exports.MEDIA[made.format])
    response["Content-Disposition"] = f'attachment; filename="{exports.file_name(made)}"'
    return response  # type: ignore[return-value]


@require_role("viewer")
def fetch(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A file that a worker wrote."""
    job = get_object_or_404(Export, pk=pk, state=Export.State.READY)
    if not storages["files"].exists(job.stored):
        raise Http404("the file is gone")
    response = FileResponse(storages["files"].open(job.stored), as_attachment=True, filename=exports.file_name(job))
    response.headers["Content-Type"] = exports.MEDIA[job.format]
    return response  # type: ignore[return-value]
