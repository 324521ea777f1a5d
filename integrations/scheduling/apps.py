from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "integrations.scheduling"
    label = "scheduling"
    verbose_name = "Scheduling"
