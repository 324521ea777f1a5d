"""French and Italian are whole: nothing missing, nothing guessed, and what is compiled is what is written."""

from __future__ import annotations

import ast
import gettext
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import translation

from values import Unfit

ROOT = Path(settings.BASE_DIR)
LANGUAGES = [code for code, _name in settings.LANGUAGES if code != "en"]
SOURCES = ["config", "crm", "integrations", "practice", "templates", "tenants", "values.py"]
CALLS = ("_", "ngettext", "pgettext")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d)\])? )?(".*")$')


@dataclass
class Entry:
    flags: str = ""
    context: str = ""
    single: str = ""
    plural: str = ""
    forms: dict[int, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.context, self.single, self.plural


def entries(catalog: Path) -> Iterator[Entry]:
    """The entries of a .po file, without its head. Ours has one entry per block."""
    for block in catalog.read_text(encoding="utf-8").split("\n\n"):
        entry, name, number = Entry(), "", 0
        for line in block.splitlines():
            if line.startswith("#,"):
                entry.flags += line
            if not (part := LINE.match(line)):
                continue
            name, number = part[1] or name, int(part[2] or 0) if part[1] else number
            text = ast.literal_eval(part[3])
            match name:
                case "msgctxt":
                    entry.context += text
                case "msgid":
                    entry.single += text
                case "msgid_plural":
                    entry.plural += text
                case "msgstr":
                    entry.forms[number] = entry.forms.get(number, "") + text
        if entry.single:
            yield entry


def catalog(root: Path, language: str, kind: str = "po") -> Path:
    return root / "locale" / language / "LC_MESSAGES" / f"django.{kind}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language):
    missing = [entry.single for entry in entries(catalog(ROOT, language)) if not all(entry.forms.values())]
    guessed = [entry.single for entry in entries(catalog(ROOT, language)) if "fuzzy" in entry.flags]
    assert not missing, "translate these, then `make messages`"
    assert not guessed


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_are_the_same(language):
    wrong = []
    for entry in entries(catalog(ROOT, language)):
        allowed = [sorted(PLACEHOLDER.findall(text)) for text in (entry.single, entry.plural) if text]
        wrong += [form for form in entry.forms.values() if sorted(PLACEHOLDER.findall(form)) not in allowed]
    assert not wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language):
    with catalog(ROOT, language, "mo").open("rb") as file:
        compiled = {key: text for key, text in gettext.GNUTranslations(file)._catalog.items() if key}
    written: dict[object, str] = {}
    for entry in entries(catalog(ROOT, language)):
        key = f"{entry.context}\x04{entry.single}" if entry.context else entry.single
        written |= {(key, n): text for n, text in entry.forms.items()} if entry.plural else {key: entry.forms[0]}
    assert compiled == written, "run `make messages`"


def test_every_text_is_collected(tmp_path, monkeypatch, settings):
    """Collects anew, from a copy: makemessages leaves files beside templates while it works."""
    if not shutil.which("xgettext"):
        pytest.skip("gettext is not installed, so nobody can say whether the catalogs know every text")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "sandbox"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "locale", tmp_path / "locale")
    monkeypatch.chdir(tmp_path)
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    call_command("makemessages", locale=LANGUAGES, verbosity=0)
    for language in LANGUAGES:
        known = {entry.key for entry in entries(catalog(ROOT, language))}
        used = {entry.key for entry in entries(catalog(tmp_path, language))}
        assert used - known == set(), "run `make messages` and translate what is new"
        assert known - used == set(), "run `make messages`: these are used no more"


def test_no_text_hides_in_an_f_string():
    """The collector reads none of them, so such a text would stay English in every language."""
    paths = [path for name in SOURCES for path in [ROOT / name, *(ROOT / name).rglob("*.py")] if path.suffix == ".py"]
    hidden = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in paths
        for outer in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(outer, ast.JoinedStr)
        for call in ast.walk(outer)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in CALLS
        for text in call.args[:1]
        if isinstance(text, ast.Constant)
    ]
    assert hidden == []


def test_a_reason_is_told_in_the_language_of_whoever_reads_it():
    error = Unfit("“%(value)s” is not a number", value="12 %")
    assert str(error) == "“12 %” is not a number"
    with translation.override("it"):
        assert str(error) == "“12 %” non è un numero"
