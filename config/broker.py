"""Messages through files, for one machine. Kombu's own transport shows a message before it is written: a worker that looks at
that moment reads half of it, and ends.
"""

from __future__ import annotations

import os
import uuid
from time import monotonic
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    def _put(self, queue: str, message: Any, **_kwargs: Any) -> None:  # type: ignore[override]
        """Under a name that nobody looks for, until it is whole."""
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        place = os.path.join(self.data_folder_out, name)
        with open(f"{place}.part", "w", encoding="utf-8") as file:
            file.write(dumps(message))
        os.replace(f"{place}.part", place)


class Transport(filesystem.Transport):
    Channel = Channel
