from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "integrations.catalog"
    label = "catalog"
    verbose_name = "Catalog"
