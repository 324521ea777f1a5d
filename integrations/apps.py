from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from django.db.models.signals import post_save

        from crm import bulk_actions, followers, panels, protection
        from crm.models import CustomField, SelectOption
        from integrations.scheduling import jobs
        from integrations.services import field_use, guard, set_aside
        from integrations.ui import origins, panel

        protection.register(guard.kept_elsewhere)
        bulk_actions.in_background(lambda action_id: jobs.ask("bulk", action_id))
        jobs.register(
            "bulk", jobs.Handler(lambda pk, turn: bulk_actions.run(pk, lambda: turn.is_over), bulk_actions.fail)
        )
        followers.register(field_use.FOLLOWER)
        panels.register(panel.lives_in)
        panels.register_marks(origins.marks)
        panels.register_origins(panel.origin_words)
        post_save.connect(set_aside.on_option, SelectOption, dispatch_uid="set_aside_option")
        post_save.connect(set_aside.on_custom_field, CustomField, dispatch_uid="set_aside_custom_field")
