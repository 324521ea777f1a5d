"""The REST API's part on the public host: the cron endpoint."""

urlpatterns: list = []
