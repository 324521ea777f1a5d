"""What tools call on the public host: OAuth's return, webhooks."""

urlpatterns: list = []
