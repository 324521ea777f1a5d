"""Pages of the connections, of what ran, and of what waits for a person."""

from django.urls import include, path

from integrations.ui.views import (
    gallery,
    health,
    inbox,
    integration,
    links,
    oauth,
    plans,
    rules,
    runs,
    templates,
    wizard,
)

connections = [
    path("", gallery.connection_list, name="list"),
    path("new/", gallery.gallery, name="gallery"),
    path("new/<slug:provider>/", gallery.start, name="start"),
    path("signed-in/<uuid:handle>/", oauth.arrive, name="arrive"),
    path("<uuid:pk>/", integration.detail, name="detail"),
    path("<uuid:pk>/live/", integration.live, name="live"),
    path("<uuid:pk>/setup/<slug:step>/", wizard.step, name="setup"),
    path("<uuid:pk>/tables/", wizard.live_tables, name="tables"),
    path("<uuid:pk>/tables/size/", wizard.size, name="size"),
    path("<uuid:pk>/tables/template/", templates.choose, name="template"),
    path("<uuid:pk>/tables/<uuid:stream>/", wizard.mapping, name="mapping"),
    path("<uuid:pk>/tables/<uuid:stream>/remove/", wizard.remove_table, name="remove_table"),
    path("<uuid:pk>/tables/<uuid:stream>/begin/", wizard.begin, name="begin"),
    path("<uuid:pk>/tables/<uuid:stream>/go-on/", integration.lift_brake, name="lift_brake"),
    path("<uuid:pk>/tables/<uuid:stream>/health/", health.lists, name="health"),
    path("<uuid:pk>/tables/<uuid:stream>/pair/", health.pair, name="pair"),
    path("<uuid:pk>/tables/<uuid:stream>/matches/", links.ambiguous, name="matches"),
    path("<uuid:pk>/tables/<uuid:stream>/links/<int:link>/pause/", links.pause, name="link_pause"),
    path("<uuid:pk>/tables/<uuid:stream>/links/<int:link>/take-up/", links.take_up, name="link_take_up"),
    path("<uuid:pk>/tables/<uuid:stream>/rules/", rules.table_rules, name="table_rules"),
    path("<uuid:pk>/tables/<uuid:stream>/restart/<slug:what>/", rules.restart, name="restart"),
    path("<uuid:pk>/rules/", wizard.settings, name="settings"),
    path("<uuid:pk>/reconnect/", wizard.reconnect, name="reconnect"),
    path("<uuid:pk>/rename/", integration.rename, name="rename"),
    path("<uuid:pk>/delete/", integration.delete, name="delete"),
    path("<uuid:pk>/sync/", integration.sync, name="sync"),
    path("<uuid:pk>/pause/", integration.pause, name="pause"),
    path("<uuid:pk>/resume/", integration.resume, name="resume"),
    path("<uuid:pk>/cancel/", integration.cancel, name="cancel"),
    path("<uuid:pk>/plan/", plans.make, name="plan_make"),
    path("<uuid:pk>/plans/<uuid:plan>/", plans.plan, name="plan"),
    path("<uuid:pk>/plans/<uuid:plan>/lines.csv", plans.download, name="plan_csv"),
    path("<uuid:pk>/plans/<uuid:plan>/approve/", plans.approve, name="plan_approve"),
    path("<uuid:pk>/plans/<uuid:plan>/discard/", plans.discard, name="plan_discard"),
    path("<uuid:pk>/runs/<uuid:run>/", runs.run, name="run"),
    path("<uuid:pk>/runs/<uuid:run>/lines.csv", runs.download, name="run_csv"),
    path("<uuid:pk>/runs/<uuid:run>/retry/", runs.retry, name="run_retry"),
    path("<uuid:pk>/runs/<uuid:run>/undo/", runs.undo, name="undo"),
]
activity = [path("", runs.run_list, name="list")]
inbox_pages = [
    path("", inbox.inbox, name="list"),
    path("settle/", inbox.resolve_many, name="resolve_many"),
    path("set-aside/<int:pk>/retry/", inbox.retry, name="retry"),
    path("set-aside/<int:pk>/retry-one/", inbox.retry_one, name="retry_one"),
    path("problem/", inbox.problem, name="problem"),
    path("problem/mend/", inbox.act, name="act"),
    path("seen/", inbox.acknowledge_many, name="acknowledge_many"),
    path("<uuid:pk>/resolve/", inbox.resolve, name="resolve"),
    path("<uuid:pk>/swap/", inbox.swap, name="swap"),
    path("<uuid:pk>/seen/", inbox.acknowledge, name="acknowledge"),
]

urlpatterns = [
    path("connections/", include((connections, "connections"))),
    path("activity/", include((activity, "activity"))),
    path("inbox/", include((inbox_pages, "inbox"))),
]
