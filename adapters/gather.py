"""Gathering: calls of one verb that wait at the same moment share one transaction.

    settling = Gatherer("settle", settlement.settle_many)
    row = settling.call(order)                      # a thread waits for its own outcome
    row = await wrap_future(settling.submit(order)) # a coroutine holds neither thread nor connection

One bounded queue and one writer thread a verb and process. A free writer takes what waits, a lone call goes at once;
when calls came together a moment ago, the writer waits a moment for as many again, since a batch costs nearly the same
whatever it holds. A batch function answers one outcome an item, in order; a Fault is a value there. If the database
refuses a batch, it is rolled back and its items are run singly, so that only the poison fails.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import Generic, TypeVar

from prometheus_client import Histogram
from sqlalchemy.orm import Session

from adapters import door
from hub.faults import Fault, Unavailable

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
T = TypeVar("T")

WAITING_AT_MOST = 1024
BATCH_AT_MOST = 64
PATIENCE_SECONDS = 5.0
"""How long a call may wait in the queue before it is refused without effect."""

PAUSE_SECONDS = 0.001
"""How long a writer waits for one more call where calls came together; when none comes, it goes."""
PAUSES_SECONDS = 0.004
"""How long in all, and how long ago the last batch may have ended for calls still to be coming together."""

SIZES = (1, 2, 4, 8, 16, 32, 64)
BATCHES = Histogram("onecard_batch_items", "Calls that shared a transaction", ["verb"], buckets=SIZES)


class QueueFull(Unavailable):
    zh = "平台正忙，排队已满，请 {seconds} 秒后重试。本次没有写入任何内容。"
    en = "The hub is busy and the queue is full. Try again in {seconds} seconds; nothing was written."


class WaitedTooLong(Unavailable):
    zh = "平台正忙，等候超时，请 {seconds} 秒后重试。本次没有写入任何内容。"
    en = "The hub is busy and this call waited too long. Try again in {seconds} seconds; nothing was written."


class Gatherer(Generic[Item, Outcome]):
    """A queue and its writer for one batch function: `work(session, items)` answers one outcome or Fault an item."""

    def __init__(
        self,
        verb: str,
        work: Callable[[Session, Sequence[Item]], Sequence[Outcome | Fault]],
        *,
        transact: Callable[[Callable[[Session], Sequence[Outcome | Fault]]], Sequence[Outcome | Fault]] = door.transact,
        waiting_at_most: int = WAITING_AT_MOST,
        batch_at_most: int = BATCH_AT_MOST,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.verb, self._work, self._transact = verb, work, transact
        self._waiting_at_most, self._batch_at_most = waiting_at_most, batch_at_most
        self._patience_seconds = patience_seconds
        self._waiting: deque[tuple[Item, Future[Outcome], float]] = deque()
        self._wanted, self._expected, self._ended_at = 1, 1, 0.0
        self._changed = threading.Condition()
        self._open = True
        self._writer = threading.Thread(target=self._write, name=f"gather-{verb}", daemon=True)
        self._writer.start()

    def call(self, item: Item) -> Outcome:
        """Hand an item over and wait for its outcome. Refuses: what the verb refuses; QueueFull, WaitedTooLong."""
        return self.submit(item).result()

    def submit(self, item: Item) -> "Future[Outcome]":
        """Hand an item over. Who stops waiting withdraws nothing. Refuses: QueueFull."""
        future: Future[Outcome] = Future()
        future.set_running_or_notify_cancel()
        with self._changed:
            if not self._open or len(self._waiting) >= self._waiting_at_most:
                raise QueueFull(seconds=QueueFull.retry_after_seconds)
            self._waiting.append((item, future, monotonic() + self._patience_seconds))
            if len(self._waiting) >= self._wanted:
                self._changed.notify()
        return future

    def close(self) -> None:
        """Take nothing more, finish what waits, end the writer."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._writer.join()

    def _write(self) -> None:
        while batch := self._next():
            BATCHES.labels(self.verb).observe(len(batch))
            try:
                self._settle([item for item, _ in batch], [future for _, future in batch])
            except BaseException as bug:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(bug)

    def _next(self) -> list[tuple[Item, "Future[Outcome]"]]:
        """What waits, at most a batch; empty when closed and done. Who waited too long is told so instead."""
        while True:
            with self._changed:
                while self._open and not self._waiting:
                    self._changed.wait()
                self._let_gather()
                taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_at_most))]
            late = [future for _, future, until in taken if until < monotonic()]
            for future in late:
                future.set_exception(WaitedTooLong(seconds=WaitedTooLong.retry_after_seconds))
            batch = [(item, future) for item, future, _ in taken if not future.done()]
            if batch or not taken:
                return batch

    def _let_gather(self) -> None:
        """Until as many wait as were there when the last batch ended, in it or behind it, if that was a moment ago."""
        now = monotonic()
        if now - self._ended_at > PAUSES_SECONDS:
            return
        self._wanted, there = min(self._expected, self._batch_at_most), 0
        while self._open and there < len(self._waiting) < self._wanted and monotonic() - now < PAUSES_SECONDS:
            there = len(self._waiting)
            self._changed.wait(PAUSE_SECONDS)
        self._wanted = 1

    def _settle(self, items: Sequence[Item], futures: Sequence["Future[Outcome]"]) -> None:
        try:
            outcomes = self._transact(lambda session: self._work(session, items))
        except Fault as refused:
            outcomes = [refused] * len(items)
        except Exception:
            if len(items) == 1:
                raise
            else:  # only the poison may fail, whether the database refused it or a bug of ours did
                for item, future in zip(items, futures, strict=True):
                    self._singly(item, future)
                return
        # Counted before the first answer leaves: who has it may ask again at once.
        self._expected, self._ended_at = len(items) + len(self._waiting), monotonic()
        for future, outcome in zip(futures, outcomes, strict=True):
            if isinstance(outcome, Fault):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _singly(self, item: Item, future: "Future[Outcome]") -> None:
        try:
            self._settle([item], [future])
        except BaseException as bug:
            future.set_exception(bug)
