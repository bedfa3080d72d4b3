"""The gatherer: one transaction for who waits together, each caller its own outcome, only the poison fails."""

import threading
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import IntegrityError

from adapters.gather import Gatherer, QueueFull, WaitedTooLong
from hub.faults import Conflict, Fault


class Taken(Conflict):
    zh = en = "taken {n}"


class Recorder:
    """A batch function that doubles numbers, refuses multiples of five, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, session, items):
        self.go.wait(5)
        self.batches.append(list(items))
        return [Taken(n=n) if n % 5 == 0 else 2 * n for n in items]


def at_once(work):
    return work(None)


@contextmanager
def gatherer(work, **facts):
    made = Gatherer("double", work, **{"transact": at_once} | facts)
    try:
        yield made
    finally:
        made.close()


def held(work: Recorder, made: Gatherer, numbers):
    """Let the writer take one number alone, and the rest gather behind it."""
    work.go.clear()
    futures = [made.submit(numbers[0])]
    while made._waiting:
        pass
    futures += [made.submit(n) for n in numbers[1:]]
    work.go.set()
    return futures


def test_a_lone_call_goes_at_once_and_gets_its_own_outcome():
    work = Recorder()
    with gatherer(work) as made:
        assert made.call(21) == 42
    assert work.batches == [[21]]


def test_calls_that_wait_together_share_a_batch_in_the_order_they_came():
    work = Recorder()
    with gatherer(work) as made:
        futures = held(work, made, [1, 2, 3, 4])
        assert [future.result(5) for future in futures] == [2, 4, 6, 8]
    assert work.batches == [[1], [2, 3, 4]]


def test_a_batch_has_an_upper_size():
    work = Recorder()
    with gatherer(work, batch_at_most=2) as made:
        futures = held(work, made, [1, 2, 3, 4])
        [future.result(5) for future in futures]
    assert work.batches == [[1], [2, 3], [4]]


def test_a_fault_reaches_only_the_caller_it_concerns():
    work = Recorder()
    with gatherer(work) as made:
        one, five, six = held(work, made, [1, 5, 6])
        assert (one.result(5), six.result(5)) == (2, 12)
        with pytest.raises(Taken):
            five.result(5)


def test_a_full_queue_refuses_at_once():
    work = Recorder()
    with gatherer(work, waiting_at_most=2) as made:
        futures = held(work, made, [1])
        work.go.clear()
        futures += [made.submit(2)]
        while made._waiting:
            pass
        futures += [made.submit(3), made.submit(4)]
        with pytest.raises(QueueFull):
            made.submit(6)
        work.go.set()
        assert [future.result(5) for future in futures] == [2, 4, 6, 8]


def test_who_waited_too_long_is_refused_without_effect():
    work = Recorder()
    with gatherer(work, patience_seconds=0.0) as made, pytest.raises(WaitedTooLong):
        made.call(1)
    assert work.batches == []


@pytest.mark.parametrize("trouble", [IntegrityError("insert", {}, Exception("poison")), RuntimeError("bug")])
def test_when_one_item_breaks_a_batch_only_the_poison_fails(trouble):
    calls = []

    def work(session, items):
        calls.append(list(items))
        if 13 in items:
            raise trouble
        return [2 * n for n in items]

    gate = threading.Event()

    def transact(run):
        gate.wait(5)
        return run(None)

    with gatherer(work, transact=transact) as made:
        first = made.submit(1)
        while made._waiting:
            pass
        rest = [made.submit(n) for n in (2, 13, 4)]
        gate.set()
        assert (first.result(5), rest[0].result(5), rest[2].result(5)) == (2, 4, 8)
        with pytest.raises(type(trouble)):
            rest[1].result(5)
    assert calls == [[1], [2, 13, 4], [2], [13], [4]]


def test_a_bug_reaches_its_callers_and_the_writer_goes_on():
    work = Recorder()

    def flawed(session, items):
        if 7 in items:
            raise RuntimeError("bug")
        return work(session, items)

    with gatherer(flawed) as made:
        with pytest.raises(RuntimeError):
            made.call(7)
        assert made.call(3) == 6


def test_closing_finishes_what_waits_and_takes_nothing_more():
    work = Recorder()
    with gatherer(work) as made:
        futures = held(work, made, [1, 2, 3])
    assert [future.result(5) for future in futures] == [2, 4, 6]
    with pytest.raises(Fault):
        made.submit(1)


def test_where_calls_came_together_the_writer_waits_for_as_many_again_and_a_lone_call_never():
    work = Recorder()
    pauses = []
    with gatherer(work) as made:
        paused = made._changed.wait
        made._changed.wait = lambda seconds=None: pauses.append(seconds) or paused(30 if seconds else None)
        for number in (1, 2, 3):
            assert made.call(number) == 2 * number
        assert [seconds for seconds in pauses if seconds] == []
        futures = held(work, made, [4, 6, 7])
        futures[0].result(5)  # three were there when it ended, two wait: one more is waited for
        futures.append(made.submit(8))
        assert [future.result(5) for future in futures] == [8, 12, 14, 16]
    assert work.batches == [[1], [2], [3], [4], [6, 7, 8]]
