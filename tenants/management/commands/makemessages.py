"""Django's own, for this project: which texts are the product's, and catalogs that change only where the texts do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.commands import makemessages

#: Not the product: the sandbox speaks like the tools, the style guide is for developers.
IGNORED = [
    ".venv/*",
    "var/*",
    "node_modules/*",
    "static/*",
    "tests/*",
    "docs/*",
    "integrations/sandbox/*",
    "config/styleguide.py",
    "templates/ui/styleguide.html",
    "templates/ui/_styleguide_*",
]


class Command(makemessages.Command):
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=Unfit", "--keyword=lazy"]
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]

    def handle(self, *args: Any, **options: Any) -> None:
        options["ignore_patterns"] = [*options["ignore_patterns"], *IGNORED]
        if not options["all"]:
            options["locale"] = options["locale"] or [code for code, _name in settings.LANGUAGES if code != "en"]
        options |= {"no_wrap": True, "no_obsolete": True, "add_location": "file"}
        super().handle(*args, **options)

    def write_po_file(self, potfile: str, locale: str) -> None:
        super().write_po_file(potfile, locale)
        path = Path(potfile).parent / locale / "LC_MESSAGES" / f"{self.domain}.po"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(one for one in lines if not one.startswith('"POT-Creation-Date:')), encoding="utf-8")
