"""The adapters of this installation: every sub-package of `integrations.adapters` that defines `adapter`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import integrations.adapters as package
from integrations.adapters.base import Adapter


@cache
def adapters() -> dict[str, type[Adapter]]:
    """{slug: adapter class}, found by walking the folder: adding a provider registers it."""
    found: dict[str, type[Adapter]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            cls = importlib.import_module(f"{package.__name__}.{module.name}").adapter
            found[cls.manifest.slug] = cls
    return found


def adapter_class(slug: str) -> type[Adapter]:
    """Raises KeyError when no adapter has this slug (its folder was removed)."""
    return adapters()[slug]
