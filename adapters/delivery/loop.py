"""The delivery worker of a process: a few threads, each carrying one lane at a time, in order."""

import os
import socket
import threading
import uuid
from concurrent.futures import Future, ThreadPoolExecutor

from prometheus_client import Counter
from sqlalchemy.orm import Session

from adapters import door
from adapters.delivery.answers import tell
from adapters.delivery.outcome import Outcome
from adapters.delivery.routes import carry
from hub import exchange
from hub.exchange import Due, Leased
from hub.faults import Fault
from hub.trust import Caller

IDLE_SECONDS = 0.2

DELIVERED = Counter("onecard_deliveries_total", "Rows delivered by destination and outcome", ["destination", "outcome"])


class Delivery:
    """`start()` it once a process; `stop()` waits for the lanes in hand."""

    def __init__(self, threads: int) -> None:
        self.owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="delivery")
        self._running: set[Future[None]] = set()
        self._stopping = threading.Event()
        self._freed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._freed.set()
        self._thread.join(timeout=15)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        self._take_over()
        while not self._stopping.is_set():
            self._running = {future for future in self._running if not future.done()}
            free = self._threads - len(self._running)
            leased = self._lease(free) if free else []
            for lane in leased:
                future = self._pool.submit(self._carry_lane, lane)
                future.add_done_callback(lambda _: self._freed.set())
                self._running.add(future)
            if not leased:
                self._freed.wait(IDLE_SECONDS)
                self._freed.clear()

    def _take_over(self) -> None:
        """What a killed worker of this machine still holds is free now, not only when its lease has run out."""

        def work(session: Session) -> None:
            for owner in exchange.holders(session, at=door.now()):
                host, pid, *_ = owner.split("/")
                if host == socket.gethostname() and not _lives(int(pid)):
                    exchange.abandon(session, owner=owner)

        try:
            door.transact(work)
        except Fault:
            door.log.warning("delivery could not look for lanes of the dead; their leases will run out")

    def _lease(self, lanes: int) -> list[Leased]:
        try:
            return door.transact(lambda session: exchange.lease(session, owner=self.owner, at=door.now(), lanes=lanes))
        except Fault:
            return []
        except Exception:
            door.log.exception("delivery could not lease")
            return []

    def _carry_lane(self, lane: Leased) -> None:
        try:
            for row in lane.rows:
                if self._stopping.is_set() or not self._carry(lane, row):
                    break
            door.transact(lambda session: exchange.release(session, lane))
        except Exception:
            door.log.exception("delivery of a lane broke", destination=lane.destination)

    def _carry(self, lane: Leased, row: Due) -> bool:
        """Send one row and record how it went; True when the lane may go on."""
        try:
            outcome = carry(row)
        except Exception as bug:
            door.log.exception("cannot deliver", destination=row.destination, kind=row.kind, due=row.id)
            outcome = Outcome("poison", f"{type(bug).__name__}: {bug}")
        DELIVERED.labels(row.destination, outcome.kind).inc()
        return self._record(lane, row, outcome)

    def _record(self, lane: Leased, row: Due, outcome: Outcome) -> bool:
        caller = Caller(kind="job", id="delivery", at=door.now(), trace=row.trace, door="delivery")

        def work(session) -> bool:  # type: ignore[no-untyped-def]
            if outcome.kind == "sent":
                recorded = exchange.sent(session, lane, row.id, at=caller.at, outcome=outcome.detail or "ok")
            elif outcome.kind == "refused":
                recorded = exchange.refused(session, lane, row.id, at=caller.at, outcome=outcome.detail)
            elif outcome.kind == "failed":
                return exchange.failed(session, lane, row.id, at=caller.at, trouble=outcome.detail) and False
            else:
                return exchange.park(session, lane, trouble=outcome.detail) and False
            if recorded:
                tell(session, caller, row, outcome)
            return recorded

        return door.transact(work)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
