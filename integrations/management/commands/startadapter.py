"""manage.py startadapter NAME: everything a new provider needs, working from the first minute.

It writes an adapter, its sandbox with a small invented API, its harness for the suite of the contract and a test of its own. All
of it is green; the author puts the real API in place of the invented one, part by part. See docs/adding-a-provider.md.
"""

from __future__ import annotations

import argparse
import keyword
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.templates import TemplateCommand

SKELETON = Path(__file__).parent.parent / "skeleton"
#: In pyproject.toml, the adapters one below the other: who may not import whom.
ARROWS = re.compile(r'(?:^    "integrations\.adapters\.\w+",\n)+', re.MULTILINE)


class Command(TemplateCommand):
    help = "Start a new provider: an adapter, its sandbox, its harness and a test, all of them working."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="the provider's slug, such as trello: lower case, a Python name")
        parser.add_argument("--into", default=str(settings.BASE_DIR), help="the root of the repository")

    def handle(self, *, name: str, into: str, **options: Any) -> None:  # type: ignore[override]
        self.validate_name(name)
        root = Path(into).resolve()
        if not (root / "pyproject.toml").exists():
            raise CommandError(f"{root} is not the root of the repository. Nothing was written.")
        for path in _homes(root, name):
            if path.exists() or path.with_suffix(".py").exists():
                raise CommandError(
                    f"“{name}” is taken: {path.relative_to(root)} is there already. Nothing was written."
                )
        more = {"template": str(SKELETON), "extensions": ["py"], "files": []}
        super().handle("adapter", name, str(root), **{**options, **more})
        _draw_arrows(root / "pyproject.toml", name)
        _put_in_order(root, name)
        self.stdout.write(self.style.SUCCESS(f"{name} is started:"))
        for path in _homes(root, name):
            self.stdout.write(f"  {path.relative_to(root)}")
        self.stdout.write("  pyproject.toml: no other adapter imports it, nor does the engine")
        self.stdout.write(f'\nTry it:  make test ARGS="tests/contract tests/adapters/{name} -k {name}"')
        self.stdout.write("Go on:   docs/adding-a-provider.md")

    def validate_name(self, name: str, name_or_dir: str = "name") -> None:
        """Not as Django does, which refuses the names of installed modules: an SDK often has its provider's name."""
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
            raise CommandError(
                f"“{name}” cannot be the name of a provider: small letters, digits and _, beginning with a letter, "
                "and no word of Python's own. Nothing was written."
            )


def _homes(root: Path, name: str) -> list[Path]:
    return [
        root / "integrations" / "adapters" / name,
        root / "integrations" / "sandbox" / name,
        root / "tests" / "contract" / f"harness_{name}.py",
        root / "tests" / "adapters" / name,
    ]


def _draw_arrows(pyproject: Path, name: str) -> None:
    def add(found: re.Match[str]) -> str:
        return "".join(sorted({*found[0].splitlines(keepends=True), f'    "integrations.adapters.{name}",\n'}))

    pyproject.write_text(ARROWS.sub(add, pyproject.read_text(encoding="utf-8")), encoding="utf-8")


def _put_in_order(root: Path, name: str) -> None:
    """Which import comes first, and what fits on a line, depends on the name. Without the developers' tools it stays as it is."""
    ruff = Path(sys.executable).parent / "ruff"
    if ruff.exists():
        homes = [str(path) for path in _homes(root, name)]
        for step in (["check", "--quiet", "--fix", "--select", "I"], ["format", "--quiet"]):
            subprocess.run([ruff, *step, *homes], cwd=root, check=True)  # noqa: S603 - our own tool, our own files
