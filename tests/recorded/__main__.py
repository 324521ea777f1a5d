"""make record PROVIDER=notion: record the answers of a provider anew.

From the sandbox; or from the provider itself when its credentials are in the environment, one variable for each field of its
connect form: RECORD_TOKEN_NOTION, RECORD_KEY_TRELLO. RECORD_TABLE_NOTION names the table, else it is the first one that is told;
RECORD_URL_NOTION another address than the provider's. One record is made in the table, renamed and put away again, and names of
people and tables stay on the cassette: use an account that is made for this.

Nothing that stands is replaced unless the session went through, plays back whole, and shows no secret.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from integrations.adapters.registry import adapters
from tests.contract.conftest import brought
from tests.recorded.session import play
from tests.recorded.tape import CASSETTES, connect, played, tape


def record(slug: str, environment: Mapping[str, str], target: Path = CASSETTES) -> str:
    """Answers from where it was recorded. Raises whatever goes wrong, with everything as it was."""
    if slug not in adapters() or (cls := brought(slug)) is None:
        raise SystemExit(f"PROVIDER is one of {', '.join(sorted(adapters()))}, each with its harness")

    def given(name: str) -> str:
        return environment.get(f"RECORD_{name}_{slug}".upper(), "")

    credentials = {name: given(name) for name in cls.credentials}
    with tempfile.TemporaryDirectory() as made:
        if all(credentials.values()):
            where = given("url") or adapters()[slug].manifest.base_url
            _session(slug, Path(made), credentials, given("table"), where)
        else:
            credentials, where = dict(cls.credentials), "its sandbox"
            harness = cls()
            try:
                harness.reset()
                _session(slug, Path(made), credentials, harness.table, harness.url)
            finally:
                harness.stop()
        texts = _verified(slug, Path(made), list(credentials.values()))
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8")
    return where


def _session(slug: str, folder: Path, credentials: dict[str, str], table: str, url: str) -> None:
    with tape(folder / f"{slug}.yaml", slug, True, url, list(credentials.values())):
        adapter = connect(slug, credentials, url)
        told = play(adapter, table, str(uuid4()))
        adapter.close()
    (folder / f"{slug}.json").write_text(json.dumps(told | {"credentials": sorted(credentials)}))


def _verified(slug: str, folder: Path, secrets: list[str]) -> dict[str, str]:
    """{file name: text}. What is kept of the session is what the adapter makes of the cassette: without e-mails, for one."""
    made, cassette = played(slug, folder)
    if not cassette.all_played:
        raise SystemExit(f"{slug}: played back, some requests are not made again. Nothing was replaced.")
    texts = {
        f"{slug}.yaml": (folder / f"{slug}.yaml").read_text(encoding="utf-8"),
        f"{slug}.json": json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n",
    }
    if any(secret in text for secret in secrets for text in texts.values()):
        raise SystemExit(f"{slug}: a secret stands in the recording. Nothing was replaced.")
    return texts


if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    print(f"{name}: recorded from {record(name, os.environ)}; look at what is different before you commit it")
