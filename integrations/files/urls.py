"""Pages of imports and exports."""

from django.urls import path

from integrations.files import views

app_name = "files"
urlpatterns = [
    path("records/<slug:entity>/import/", views.start, name="import"),
    path("records/<slug:entity>/export/", views.export, name="export"),
    path("imports/<uuid:pk>/", views.show, name="job"),
    path("imports/<uuid:pk>/columns/", views.columns, name="columns"),
    path("imports/<uuid:pk>/layout/", views.layout, name="layout"),
    path("imports/<uuid:pk>/matching/", views.matching, name="matching"),
    path("imports/<uuid:pk>/preview/", views.preview, name="preview"),
    path("imports/<uuid:pk>/approve/", views.approve, name="approve"),
    path("imports/<uuid:pk>/discard/", views.discard, name="discard"),
    path("imports/<uuid:pk>/undo/", views.undo, name="undo"),
    path("imports/<uuid:pk>/refused.csv", views.refused, name="refused"),
    path("exports/<uuid:pk>/", views.fetch, name="fetch"),
]
