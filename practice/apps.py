from django.apps import AppConfig


class PracticeConfig(AppConfig):
    name = "practice"

    def ready(self) -> None:
        from integrations.services import given
        from practice.giver import PracticeGiver

        given.register("practice", PracticeGiver())
