from django.apps import AppConfig


class BellConfig(AppConfig):
    name = "integrations.notifications.bell"
    label = "bell"
    verbose_name = "Bell"
