"""The Celery application. Messages are wake-ups that carry ids; PostgreSQL remembers what is due."""

import os
from pathlib import Path

from kombu.transport import TRANSPORT_ALIASES
from tenant_schemas_celery.app import CeleryApp

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TRANSPORT_ALIASES["filesystem"] = "config.broker:Transport"

app = CeleryApp("raccord")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["integrations.scheduling", "integrations.notifications"])


@app.on_after_configure.connect
def make_folders(sender: CeleryApp, **_: object) -> None:
    """The filesystem transport wants its folders to exist."""
    for folder in (sender.conf.broker_transport_options or {}).values():
        if isinstance(folder, str):
            Path(folder).mkdir(parents=True, exist_ok=True)
