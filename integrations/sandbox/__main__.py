"""python -m integrations.sandbox --host 127.0.0.1 --port 9001 --data var/sandbox [--providers notion]"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import uvicorn

from integrations.sandbox.server import configure, open_rooms


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="integrations.sandbox", description="Local servers that behave like providers."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--data", default=":memory:", help="folder that keeps the state; :memory: keeps nothing")
    parser.add_argument("--providers", default="", help="comma-separated slugs; all by default")
    parser.add_argument("--no-limits", action="store_true", help="no rate limits (for bulk work)")
    parser.add_argument("--seed", default="crm", help="what an empty provider starts with; empty for nothing")
    options = parser.parse_args()
    data = None if options.data == ":memory:" else Path(options.data)
    wanted = [slug for slug in options.providers.split(",") if slug] or None
    rooms = open_rooms(data, wanted, limited=not options.no_limits)
    print(f"Sandbox on http://{options.host}:{options.port}/")  # noqa: T201
    for slug, room in rooms.items():
        if options.seed and not room.world.hand.tables():
            room.world.seed(options.seed)
            room.store.commit()
        print(f"  {room.provider.name}: API base http://{options.host}:{options.port}/{slug}")  # noqa: T201
        for label, value in room.world.welcome():
            print(f"    {label}: {value}")  # noqa: T201
    sys.stdout.flush()  # whoever watches through a pipe wants the tokens now
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(configure(rooms, options.host, options.port)).run()


if __name__ == "__main__":
    main()
