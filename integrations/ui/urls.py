"""Pages of the connections, of what ran, and of what waits for a person."""

urlpatterns: list = []
