from django.urls import path

from fleet import views

urlpatterns = [
    path("", views.index, name="index"),
    path("slow/", views.slow, name="slow"),
    path("upload/", views.upload, name="upload"),
    path("download/<int:document_id>/", views.download, name="download"),
]
