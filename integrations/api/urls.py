"""The REST API on a tenant's host."""

urlpatterns: list = []
