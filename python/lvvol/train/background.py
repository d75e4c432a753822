"""Batches made in the background, in a fixed order."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Background(Generic[Item]):
    """An iterator that a thread runs ahead of its user.

    The thread makes one item after another, so that random numbers are drawn in the order in which
    the items are used, however fast either side is.

    Parameters
    ----------
    items : iterator
        Runs in the thread.
    ahead : int
        Largest number of items that wait to be used.

    Attributes
    ----------
    waited_s : float
        Seconds that the user waited for items.
    """

    def __init__(self, items: Iterator[Item], ahead: int = 32) -> None:
        self.waited_s = 0.0
        self._items = items
        self._ready: queue.Queue[tuple[Item] | BaseException | None] = queue.Queue(ahead)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)

    def __enter__(self) -> Background[Item]:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        began = time.perf_counter()
        ready = self._ready.get()
        self.waited_s += time.perf_counter() - began
        if ready is None:
            self._ready.put(None)
            raise StopIteration
        if isinstance(ready, BaseException):
            self._ready.put(None)
            raise ready
        return ready[0]

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._put((item,)):
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, ready: tuple[Item] | BaseException | None) -> bool:
        """Wait for room; return whether the item is still wanted."""
        while not self._stopped.is_set():
            try:
                self._ready.put(ready, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
