"""What the small servers of the tests have in common: they run on a thread of their own, for as long as a `with` block lasts."""
from __future__ import annotations

import socketserver
import threading
from typing import Self


class Served:
    _server: socketserver.BaseServer

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
