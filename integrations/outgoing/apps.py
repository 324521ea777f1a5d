from django.apps import AppConfig


class OutgoingConfig(AppConfig):
    name = "integrations.outgoing"
    label = "outgoing"
    verbose_name = "Outgoing webhooks"
