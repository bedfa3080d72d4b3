"""What was acknowledged happened exactly once; what was not can be resolved by asking; nothing else happened."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"


@dataclass(frozen=True)
class Note:
    """What a client sent and was told. `undoes` is the settlement that a 2208 was about; amounts are in fen."""

    infno: str
    msgid: str
    outcome: str
    visit_id: str = ""
    batch: str = ""
    setl_id: str = ""
    undoes: str = ""
    total: int = 0
    fund: int = 0
    said: str = ""


@dataclass(frozen=True)
class Entry:
    """A settlement or counter-entry as the books have it."""

    setl_id: str
    undoes: str
    state: str
    visit_id: str
    batch: str
    msgid: str
    total: int
    fund: int


def wrongs(notes: Sequence[Note], entries: Sequence[Entry], asked: Mapping[str, str]) -> list[str]:
    """Every promise that was broken, in words. `asked`: what each message id was said to have become, at the end."""
    return [
        *_acknowledged_settlements(notes, entries),
        *_acknowledged_undoings(notes, entries),
        *_once_a_batch(entries),
        *_resolvable(notes, entries, asked),
        *_nothing_unasked(notes, entries),
    ]


def _acknowledged_settlements(notes: Sequence[Note], entries: Sequence[Entry]) -> Iterator[str]:
    by_id = {entry.setl_id: entry for entry in entries}
    for note in notes:
        if note.infno == "2207" and note.outcome == ACKNOWLEDGED:
            entry = by_id.get(note.setl_id)
            if entry is None:
                yield f"{note.msgid}: settlement {note.setl_id} was acknowledged and is not in the books"
            elif (entry.total, entry.fund) != (note.total, note.fund):
                yield f"{note.msgid}: told {note.total}/{note.fund}, booked {entry.total}/{entry.fund}"
            elif (entry.visit_id, entry.batch) != (note.visit_id, note.batch):
                yield f"{note.msgid}: settlement {note.setl_id} is for another batch"
    answers: dict[str, set[tuple[str, int, int]]] = {}
    for note in notes:
        if note.infno == "2207" and note.outcome == ACKNOWLEDGED:
            answers.setdefault(note.msgid, set()).add((note.setl_id, note.total, note.fund))
    for msgid, told in answers.items():
        if len(told) > 1:
            yield f"{msgid}: answered differently: {sorted(told)}"


def _acknowledged_undoings(notes: Sequence[Note], entries: Sequence[Entry]) -> Iterator[str]:
    by_id = {entry.setl_id: entry for entry in entries}
    counters = Counter(entry.undoes for entry in entries if entry.undoes)
    for note in notes:
        if note.infno == "2208" and note.outcome == ACKNOWLEDGED:
            undone = by_id.get(note.undoes)
            if undone is None or undone.state != "cancelled":
                yield f"{note.msgid}: undoing {note.undoes} was acknowledged, and it stands"
            if counters[note.undoes] != 1:
                yield f"{note.msgid}: {note.undoes} has {counters[note.undoes]} counter-entries"


def _once_a_batch(entries: Sequence[Entry]) -> Iterator[str]:
    standing = Counter((e.visit_id, e.batch) for e in entries if not e.undoes and e.state == "active")
    for batch, times in standing.items():
        if times > 1:
            yield f"batch {batch} is settled {times} times"
    for setl_id, times in Counter(entry.undoes for entry in entries if entry.undoes).items():
        if times > 1:
            yield f"settlement {setl_id} is undone {times} times"


def _resolvable(notes: Sequence[Note], entries: Sequence[Entry], asked: Mapping[str, str]) -> Iterator[str]:
    """Asked at the end, a message is settled or was never seen, and the books say the same."""
    booked = Counter(entry.msgid for entry in entries if not entry.undoes)
    acknowledged = {n.msgid for n in notes if n.infno == "2207" and n.outcome == ACKNOWLEDGED}
    for msgid in {note.msgid for note in notes if note.infno == "2207"}:
        state = asked.get(msgid)
        if state not in ("settled", "undone", "unknown"):
            yield f"{msgid}: asked, the answer is {state!r}"
        if state == "unknown" and (booked[msgid] or msgid in acknowledged):
            yield f"{msgid}: never seen, they say; booked {booked[msgid]} times, acknowledged {msgid in acknowledged}"
        if booked[msgid] > 1:
            yield f"{msgid}: booked {booked[msgid]} times"


def _nothing_unasked(notes: Sequence[Note], entries: Sequence[Entry]) -> Iterator[str]:
    sent = {(note.infno, note.msgid) for note in notes}
    for entry in entries:
        if ("2208" if entry.undoes else "2207", entry.msgid) not in sent:
            yield f"settlement {entry.setl_id} under {entry.msgid}: nobody sent that"
