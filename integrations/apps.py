from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from crm import protection
        from integrations.services import guard

        protection.register(guard.kept_elsewhere)
