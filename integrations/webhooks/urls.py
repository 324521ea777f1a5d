"""What providers call, on the public host."""

from django.urls import path

from integrations.webhooks import views

app_name = "hooks"
urlpatterns = [
    path("hooks/<slug:provider>/", views.hook, name="app"),
    path("hooks/<slug:provider>/<uuid:subscription>/", views.hook, name="subscription"),
]
