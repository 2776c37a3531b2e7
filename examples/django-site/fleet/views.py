import time

from django.db.models import Sum
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from fleet.forms import UploadForm
from fleet.models import Document, Ship


def index(request):
    ships = Ship.objects.select_related("home")
    query = request.GET.get("q", "").strip()[:80]
    if query:
        ships = ships.filter(name__icontains=query)
    totals = Ship.objects.aggregate(
        cargo=Sum("cargo_tonnes", default=0), deadweight=Sum("deadweight_tonnes", default=0)
    )
    context = {"ships": ships, "query": query, "totals": totals}
    return render(request, "fleet/index.html", context)


def slow(request):
    """Waits as a view does that asks another service: no CPU, 0.2 s."""
    time.sleep(0.2)
    return HttpResponse("Waited 0.2 s.\n", content_type="text/plain; charset=utf-8")


def upload(request):
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        Document.objects.create(file=file, name=file.name, size_bytes=file.size)
        return redirect("upload")
    context = {"form": form, "documents": Document.objects.all()[:50]}
    status = 400 if form.is_bound else 200
    return render(request, "fleet/upload.html", context, status=status)


def download(request, document_id):
    document = get_object_or_404(Document, pk=document_id)
    return FileResponse(document.file.open("rb"), as_attachment=True, filename=document.name)
