from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "integrations.scheduling"
    label = "scheduling"
    verbose_name = "Scheduling"

    def ready(self) -> None:
        from integrations.scheduling import checks  # noqa: F401 - registers itself
