from django.urls import path

from crm import bulk_views, list_views, views

app_name = "records"
urlpatterns = [
    path("<slug:entity>/", views.record_list, name="list"),
    path("<slug:entity>/new/", views.create, name="create"),
    path("<slug:entity>/pick/", views.pick, name="pick"),
    path("<slug:entity>/columns/", list_views.columns, name="columns"),
    path("<slug:entity>/views/new/", list_views.make, name="view_make"),
    path("<slug:entity>/views/<int:pk>/", list_views.edit, name="view_edit"),
    path("<slug:entity>/views/<int:pk>/save/", list_views.save, name="view_save"),
    path("<slug:entity>/views/<int:pk>/first/", list_views.open_first, name="view_first"),
    path("<slug:entity>/views/<int:pk>/delete/", list_views.delete, name="view_delete"),
    path("<slug:entity>/change/", bulk_views.change, name="change_chosen"),
    path("<slug:entity>/delete/", bulk_views.delete_chosen, name="delete_chosen"),
    path("<slug:entity>/actions/<uuid:pk>/", bulk_views.action, name="action"),
    path("<slug:entity>/actions/<uuid:pk>/undo/", bulk_views.undo, name="action_undo"),
    path("<slug:entity>/<uuid:pk>/", views.detail, name="detail"),
    path("<slug:entity>/<uuid:pk>/edit/", views.edit, name="edit"),
    path("<slug:entity>/<uuid:pk>/delete/", views.delete, name="delete"),
    path("<slug:entity>/<uuid:pk>/history/", views.history, name="history"),
    path("<slug:entity>/<uuid:pk>/history/<int:change>/undo/", views.undo_change, name="undo_change"),
    path("<slug:entity>/<uuid:pk>/bring-back/", views.bring_back, name="bring_back"),
    path("<slug:entity>/<uuid:pk>/step/", views.step, name="step"),
    path("<slug:entity>/<uuid:pk>/fields/<str:name>/", views.field, name="field"),
]
