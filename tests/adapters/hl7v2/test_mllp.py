import hashlib

from hypothesis import given
from hypothesis import strategies as st

from adapters.hl7v2.mllp import Cut, Event, Frame, Framer, Garbage, Oversized, frame

BODY = st.binary(max_size=30).map(lambda body: body.replace(b"\x0b", b"").replace(b"\x1c", b""))


def everything(stream: bytes, sizes: list[int], **limits: int) -> list[Event]:
    framer, events = Framer(**limits), []
    for size in [*sizes, len(stream)]:
        events += framer.feed(stream[:size])
        stream = stream[size:]
    return events + framer.close()


def test_one_read_may_hold_several_frames_and_a_piece_of_the_next() -> None:
    framer = Framer()
    assert framer.feed(frame(b"one") + frame(b"two") + b"\x0bthr") == [Frame(b"one"), Frame(b"two")]
    assert framer.feed(b"ee\x1c") == [Frame(b"three")]
    assert framer.feed(b"\r" + frame(b"four")) == [Frame(b"four")]


def test_a_frame_split_at_every_byte_gives_the_same_events() -> None:
    stream = b"junk" + frame(b"MSH|1") + b"\r\n" + frame(b"MSH|2") + b"\x0bMSH|3"
    whole = everything(stream, [])
    assert whole == [Garbage(b"junk"), Frame(b"MSH|1"), Frame(b"MSH|2"), Cut(b"MSH|3")]
    for cut in range(len(stream)):
        assert everything(stream, [cut]) == whole
    assert everything(stream, [1] * len(stream)) == whole


@given(bodies=st.lists(BODY, max_size=5), sizes=st.lists(st.integers(1, 20), max_size=20))
def test_frames_come_out_as_they_went_in_however_they_are_cut(bodies: list[bytes], sizes: list[int]) -> None:
    assert everything(b"".join(map(frame, bodies)), sizes) == [Frame(body) for body in bodies]


@given(stream=st.binary(max_size=80), sizes=st.lists(st.integers(1, 9), max_size=40))
def test_no_bytes_make_the_framer_raise_and_cutting_changes_nothing(stream: bytes, sizes: list[int]) -> None:
    assert everything(stream, sizes, limit_bytes=40) is not None
    assert everything(stream, sizes) == everything(stream, [])


def test_line_ends_blanks_and_nuls_between_frames_are_no_garbage() -> None:
    assert everything(b"\r\n \0" + frame(b"one") + b"\r\n", []) == [Frame(b"one")]


def test_a_frame_that_begins_inside_another_cuts_the_first() -> None:
    assert everything(b"\x0bMSH|half" + frame(b"MSH|whole"), []) == [Cut(b"MSH|half"), Frame(b"MSH|whole")]


def test_a_frame_over_the_limit_is_told_by_its_head_length_and_hash_and_ends_the_connection() -> None:
    framer = Framer(limit_bytes=100_000)
    body = b"M" * 100_001
    assert framer.feed(b"\x0b" + body[:50_000]) == []
    (event,) = framer.feed(body[50_000:])
    assert event == Oversized(body[: 64 * 1024], 100_001, hashlib.sha256(body).digest())
    assert framer.closed
    assert framer.feed(frame(b"more")) == []
    assert framer.close() == []


def test_a_frame_at_the_limit_is_taken() -> None:
    assert everything(frame(b"M" * 100), [], limit_bytes=100) == [Frame(b"M" * 100)]


def test_endless_garbage_is_told_in_pieces_and_not_kept() -> None:
    framer = Framer()
    events = [event for _ in range(20) for event in framer.feed(b"x" * 10_000)]
    assert events
    assert all(isinstance(event, Garbage) and len(event.body) <= 64 * 1024 for event in events)
