"""What `manage.py startadapter` writes is a working adapter: it keeps the contract before its author has written a line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.database import ROOT

NEEDED = ("config", "crm", "integrations", "practice", "tenants", "tests", "values.py", "manage.py", "pyproject.toml")


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A copy of the code, to write into."""
    root = tmp_path_factory.mktemp("repository")
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    return root


def everything(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if "__pycache__" not in path.parts}


def start(root: Path, name: str) -> None:
    call_command("startadapter", name, into=str(root), verbosity=0)


@pytest.mark.parametrize("name", ["", "Ledger", "my-tool", "2books", "class", "../ledger", "notion", "base", "gate"])
def test_bad_or_taken_name_is_refused_and_nothing_written(repository, name):
    before = everything(repository)
    with pytest.raises(CommandError, match="Nothing was written"):
        start(repository, name)
    assert everything(repository) == before


def test_elsewhere_nothing_is_written(tmp_path):
    with pytest.raises(CommandError, match="root of the repository"):
        start(tmp_path, "ledger")
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_started_adapter_keeps_the_contract(repository):
    start(repository, "ledger")
    contracts = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    drawn = [one for one in contracts if "integrations.adapters.ledger" in str(one)]
    assert [one["type"] for one in drawn] == ["independence", "forbidden"]
    parts = [
        "test_reading.py",
        "test_writing.py",
    ]  # what needs no database; whole runs are the same code with another adapter
    command = [sys.executable, "-m", "pytest", "-q", "-k", "ledger", "tests/adapters/ledger"]
    done = subprocess.run(
        [*command, *(f"tests/contract/{part}" for part in parts)],
        cwd=repository,
        env={name: os.environ[name] for name in ("PATH", "HOME", "CI") if name in os.environ}
        | {"VAR_DIR": str(repository / "var")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert " failed" not in done.stdout and " passed" in done.stdout


@pytest.mark.parametrize("name", ["google_drive", "zz"])
def test_what_is_written_compiles_under_any_name(repository, name):
    start(repository, name)
    written = [path for path in repository.rglob("*.py") if name in path.relative_to(repository).as_posix()]
    assert len(written) == 10
    for path in written:
        compile(path.read_text(), str(path), "exec")
    assert not list(repository.glob("integrations/adapters/**/*-tpl"))
