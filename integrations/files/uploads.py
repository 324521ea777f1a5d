"""How large a file may be, and the one that is larger: it is let pass by without being kept, so that the page can say so."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile

#: Set on a request that brought more.
TOO_LARGE = "file_too_large"
MAX_BYTES = 50 * 1024 * 1024


class NoMoreThanAllowed(FileUploadHandler):
    """The first of the handlers: counts what a request brings in all, and passes on. `TOO_LARGE` says that a file was skipped."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.seen = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.seen += len(raw_data)
        if self.seen > MAX_BYTES:
            setattr(self.request, TOO_LARGE, True)
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
