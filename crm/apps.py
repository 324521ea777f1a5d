from django.apps import AppConfig


class CrmConfig(AppConfig):
    name = "crm"
    verbose_name = "Records"

    def ready(self) -> None:
        from django.utils.translation import gettext

        import values

        values.Unfit.translate = staticmethod(gettext)
