"""Cassettes: how exchanges are kept, what is taken out of them, and how they are played.

vcrpy takes the place of `httpx.HTTPTransport.handle_request`, which is below our transport: limits, classification and the doors
for SDKs all take part in a session that is played. Nothing reaches the network then: what is not on the cassette is an error.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import vcr
from vcr.cassette import Cassette

from integrations.adapters.base import Adapter
from integrations.adapters.registry import adapter_class
from integrations.transport.http import Transport
from tests.recorded import session

CASSETTES = Path(__file__).parent / "cassettes"
#: All that adapters look at; others tell of machines and sessions.
HEADERS = ("content-type", "date", "retry-after", "link")
EMAIL = re.compile(r"[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}", re.IGNORECASE)
SIGNED = re.compile(r"\?X-Amz-[^\"\\\s]*|(?<=[?&])(?:sig|signature|token)=[^\"&\\\s]*", re.IGNORECASE)


@contextmanager
def tape(
    path: Path, slug: str, record: bool = False, base_url: str = "", secrets: Sequence[str] = ()
) -> Iterator[Cassette]:
    """Everything that is sent meanwhile goes onto the cassette, or (`record` False) comes from it and from nowhere else.

    base_url: where it is recorded; on the cassette everything is at the provider's own address. secrets: taken out wherever
    they stand.
    """
    home = urlsplit(adapter_class(slug).manifest.base_url)
    prefix = urlsplit(base_url).path.rstrip("/")

    def keep_request(request: Any) -> Any:
        parts = urlsplit(request.uri)
        request.uri = urlunsplit((home.scheme, home.netloc, parts.path.removeprefix(prefix), parts.query, ""))
        request.headers = {name: value for name, value in request.headers.items() if name.lower() == "content-type"}
        request.body = scrub(request.body, secrets) if request.body else None
        return request

    def keep_response(response: Any) -> Any:
        kept = {name: value for name, value in response["headers"].items() if name.lower() in HEADERS}
        body = scrub(response["body"]["string"], secrets)
        if base_url:  # answers link to further pages
            body = body.replace(base_url.encode(), adapter_class(slug).manifest.base_url.encode())
        return {**response, "headers": kept, "body": {"string": body}}

    recorder = vcr.VCR(
        record_mode=vcr.mode.ALL if record else vcr.mode.NONE,
        match_on=("method", "uri", "body"),
        before_record_request=keep_request,
        before_record_response=keep_response,
        decode_compressed_response=True,
    )
    with recorder.use_cassette(str(path)) as cassette:
        yield cassette


def scrub(body: bytes | str, secrets: Sequence[str] = ()) -> bytes:
    """Without secrets, signatures in addresses and e-mails that may be somebody's; the same e-mail stays the same one."""
    text = body.decode() if isinstance(body, bytes) else body
    for secret in secrets:
        text = text.replace(secret, "SECRET")
    return EMAIL.sub(_nobody, SIGNED.sub("", text)).encode()


def _nobody(found: re.Match[str]) -> str:
    if found[0].lower().endswith(".example"):
        return found[0]
    return f"person-{hashlib.sha256(found[0].lower().encode()).hexdigest()[:8]}@scrubbed.example"


def connect(slug: str, credentials: dict[str, str], base_url: str = "") -> Adapter:
    """An adapter at its provider's address (or another), as guarded as in a run; it repeats nothing."""
    cls = adapter_class(slug)
    transport = Transport(base_url=base_url or cls.manifest.base_url, bucket=f"recorded-{slug}", waits=())
    return cls(credentials, transport)


def told(slug: str, folder: Path = CASSETTES) -> dict[str, Any]:
    """What the adapter made of the answers when they were recorded."""
    found: dict[str, Any] = json.loads((folder / f"{slug}.json").read_text())
    return found


def played(slug: str, folder: Path = CASSETTES) -> tuple[dict[str, Any], Cassette]:
    """What the adapter makes of the recorded answers now."""
    before = told(slug, folder)
    with tape(folder / f"{slug}.yaml", slug) as cassette:
        adapter = connect(slug, dict.fromkeys(before["credentials"], "nobody's"))
        made = session.play(adapter, before["table"], before["marker"])
        adapter.close()
    return made | {"credentials": before["credentials"]}, cassette
