"""The list that people read and the settings that are read are the same list."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from django.conf import settings

SOURCE = (settings.BASE_DIR / "config" / "settings.py").read_text()
EXAMPLE = (settings.BASE_DIR / ".env.example").read_text()
READ_ELSEWHERE = {"DJANGO_ENV"}  # by config.embedded, before the settings


def read_by_settings() -> set[str]:
    return set(re.findall(r'env(?:\.\w+)?\(\s*"([A-Z_]+)"', SOURCE)) | READ_ELSEWHERE


def listed() -> set[str]:
    return set(re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE))


def test_every_setting_is_listed():
    assert read_by_settings() - listed() == set()


def test_every_listed_name_is_a_setting():
    assert listed() - read_by_settings() == set()


PRODUCTION = {
    "DJANGO_ENV": "production",
    "SECRET_KEY": "x7Q-" * 16 + "abcdefgh",
    "INTEGRATION_ENCRYPTION_KEY": "k" * 48,
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "PUBLIC_HOST": "raccord.example",
    "PATH": "/usr/bin:/bin",
}


def manage(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=settings.BASE_DIR, env=env, capture_output=True, text=True
    )


def test_a_deployment_check_is_clean():
    found = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "INTEGRATION_ENCRYPTION_KEY", "DATABASE_URL"])
def test_in_production_nothing_is_made_up(name):
    env = {key: value for key, value in PRODUCTION.items() if key != name}
    found = manage("check", **env)
    assert found.returncode != 0
    assert name in found.stderr
