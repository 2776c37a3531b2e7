"""The site's URLs."""

from django.contrib import admin
from django.urls import include, path

admin.site.site_header = "Harbour office"
admin.site.site_title = "Harbour office"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("fleet.urls")),
]
