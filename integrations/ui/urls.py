"""Pages of the connections, of what ran, and of what waits for a person."""

from django.urls import include, path

from integrations.ui.views import gallery, inbox, integration, runs, wizard

connections = [
    path("", gallery.connection_list, name="list"),
    path("new/", gallery.gallery, name="gallery"),
    path("new/<slug:provider>/", gallery.start, name="start"),
    path("<uuid:pk>/", integration.detail, name="detail"),
    path("<uuid:pk>/live/", integration.live, name="live"),
    path("<uuid:pk>/setup/<slug:step>/", wizard.step, name="setup"),
    path("<uuid:pk>/tables/", wizard.live_tables, name="tables"),
    path("<uuid:pk>/tables/<uuid:stream>/", wizard.mapping, name="mapping"),
    path("<uuid:pk>/tables/<uuid:stream>/remove/", wizard.remove_table, name="remove_table"),
    path("<uuid:pk>/tables/<uuid:stream>/begin/", wizard.begin, name="begin"),
    path("<uuid:pk>/tables/<uuid:stream>/go-on/", integration.lift_brake, name="lift_brake"),
    path("<uuid:pk>/rules/", wizard.settings, name="settings"),
    path("<uuid:pk>/reconnect/", wizard.reconnect, name="reconnect"),
    path("<uuid:pk>/rename/", integration.rename, name="rename"),
    path("<uuid:pk>/delete/", integration.delete, name="delete"),
    path("<uuid:pk>/sync/", integration.sync, name="sync"),
    path("<uuid:pk>/pause/", integration.pause, name="pause"),
    path("<uuid:pk>/resume/", integration.resume, name="resume"),
    path("<uuid:pk>/cancel/", integration.cancel, name="cancel"),
    path("<uuid:pk>/runs/<uuid:run>/", runs.run, name="run"),
]
activity = [path("", runs.run_list, name="list")]
inbox_pages = [
    path("", inbox.inbox, name="list"),
    path("<uuid:pk>/resolve/", inbox.resolve, name="resolve"),
]

urlpatterns = [
    path("connections/", include((connections, "connections"))),
    path("activity/", include((activity, "activity"))),
    path("inbox/", include((inbox_pages, "inbox"))),
]
