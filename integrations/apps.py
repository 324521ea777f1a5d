from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from crm import panels, protection
        from integrations.services import guard
        from integrations.ui import panel

        protection.register(guard.kept_elsewhere)
        panels.register(panel.lives_in)
        panels.register_origins(panel.origin_words)
