"""The page of the practice tool, on the tenant's host."""

from django.urls import path

from practice import views

app_name = "practice"
urlpatterns = [
    path("", views.home, name="home"),
    path("<uuid:workspace>/", views.workspace, name="workspace"),
    path("<uuid:workspace>/<slug:table>/", views.table, name="table"),
    path("<uuid:workspace>/<slug:table>/live/", views.live, name="live"),
    path("<uuid:workspace>/<slug:table>/add/", views.add_row, name="add"),
    path("<uuid:workspace>/<slug:table>/columns/", views.column, name="column"),
    path("<uuid:workspace>/<slug:table>/switches/", views.switch, name="switch"),
    path("<uuid:workspace>/<slug:table>/reset/", views.reset, name="reset"),
    path("<uuid:workspace>/<slug:table>/rows/<slug:row>/delete/", views.delete_row, name="delete"),
    path("<uuid:workspace>/<slug:table>/rows/<slug:row>/cells/<slug:field>/", views.cell, name="cell"),
]
