from django.urls import path

from crm import views

app_name = "records"
urlpatterns = [
    path("<slug:entity>/", views.record_list, name="list"),
    path("<slug:entity>/new/", views.create, name="create"),
    path("<slug:entity>/pick/", views.pick, name="pick"),
    path("<slug:entity>/delete/", views.delete_chosen, name="delete_chosen"),
    path("<slug:entity>/<uuid:pk>/", views.detail, name="detail"),
    path("<slug:entity>/<uuid:pk>/edit/", views.edit, name="edit"),
    path("<slug:entity>/<uuid:pk>/delete/", views.delete, name="delete"),
    path("<slug:entity>/<uuid:pk>/history/", views.history, name="history"),
]
