from django.apps import AppConfig


class FilesConfig(AppConfig):
    name = "integrations.files"
    label = "files"
    verbose_name = "Imports and exports"

    def ready(self) -> None:
        from django.db.models.signals import post_delete
        from django.urls import reverse
        from django.utils.translation import gettext_lazy as _

        from crm import panels, places
        from integrations.files import keeping, pages, work
        from integrations.scheduling import jobs
        from tenants.models import Tenant

        jobs.register("import", work.on_import)
        jobs.register("export", work.on_export)
        post_delete.connect(keeping.on_tenant_gone, Tenant, dispatch_uid="files_of_tenant")
        panels.register_origins(pages.origin_words)
        places.in_head(
            places.Door(_("Import a file"), "upload", lambda entity: reverse("files:import", args=[entity]), "member")
        )
        export = places.Door(
            _("Export"), "download", lambda entity: reverse("files:export", args=[entity]), of_records=True
        )
        places.in_head(export)
        places.in_bulk(export)
