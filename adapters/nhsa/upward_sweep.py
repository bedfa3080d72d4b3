"""Looks after what a platform has not answered: asks first, takes back only what it does not know, believes the file.

Nobody waits at a window for this. No transaction is open while the platform is waited for.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from adapters import door
from adapters.nhsa import upward
from adapters.nhsa.forwarding import record_settled
from adapters.nhsa.region import HOME_AREA, region_on
from adapters.nhsa.upward import Accepted, Outcome, Refused, Speaker
from adapters.nhsa.upward_files import lines_of
from hub import directory
from hub.coverage import platform_of
from hub.settlement import upstream
from hub.settlement.upstream import Due
from hub.trust import Caller
from hub.units import day_of

AT_MOST = 4
"""Questions a round: with every time-out taken they still fit into a job's lease."""

REVERSE_AFTER = timedelta(minutes=5)
"""A platform that does not know a message yet may only be slow, and a reversal costs the patient a day."""


def sweep(caller: Caller) -> str:
    """One round; what became of the questions that were due."""
    due = door.transact(lambda session: upstream.take_due(session, caller, at_most=AT_MOST))
    ends: list[str] = []
    silent: set[str] = set()
    for one in due:
        if one.authority.area in silent:
            ends.append(_lost(caller, one, "the platform was not answering"))
            continue
        ends.append(_Look(caller, one).after())
        if ends[-1] == "unanswered":
            silent.add(one.authority.area)
    return ", ".join(f"{ends.count(end)} {end}" for end in sorted(set(ends))) or "nothing open"


def agree(caller: Caller) -> str:
    """Fetch the files that reversals wait for, and believe what they say."""
    waiting = door.transact(upstream.unconfirmed)
    confirmed = standing = 0
    for area, hospital_id, day_from, day_to in waiting:
        found = door.transact(
            lambda session, area=area, hospital_id=hospital_id, day_from=day_from, day_to=day_to: (
                platform_of(session, area),
                directory.organisation(session, hospital_id),
                upstream.settled_lines(
                    session, area=area, organisation_id=hospital_id, day_from=day_from, day_to=day_to
                ),
            )
        )
        authority, hospital, ours = found
        lines = lines_of(authority, Speaker(hospital.id, hospital.name), ours, day_from, day_to)
        if lines is None:
            continue
        agreed = door.transact(
            lambda session, area=area, hospital_id=hospital_id, lines=lines, day_from=day_from, day_to=day_to: (
                upstream.agree(
                    session,
                    caller,
                    area=area,
                    organisation_id=hospital_id,
                    day_from=day_from,
                    day_to=day_to,
                    lines=lines,
                )
            )
        )
        confirmed, standing = confirmed + len(agreed.confirmed), standing + len(agreed.standing)
    return f"{confirmed} confirmed, {standing} standing" if waiting else "nothing to confirm"


class _Look:
    """One open question, looked after."""

    def __init__(self, caller: Caller, due: Due) -> None:
        self.caller, self.due, self.row = caller, due, due.forwarded
        self.spoken = region_on(HOME_AREA, day_of(caller.at))
        self.speaker = Speaker(due.hospital_id, due.hospital_name)

    def after(self) -> str:
        """The word for what became of it."""
        if self.row.kind == "undo":
            return self._undo()
        if not self.due.mdtrt_id:  # the visit is made known before the settlement is asked for
            return self._end("refused", lambda s: upstream.record_refused(s, self.caller, self.row.id, "never sent"))
        if self.due.authority.asks_by_msgid:
            found = self._ask(self.row.msgid)
            if isinstance(found, Accepted) and found.nodes["setlinfo"]["medins_setl_id"] == self.row.msgid:
                return self._found(found)
            if not isinstance(found, Refused):
                return _lost(self.caller, self.due, getattr(found, "problem", "5203 answered another settlement"))
        if self.caller.at - self.row.asked_at < REVERSE_AFTER:
            _lost(self.caller, self.due, "the platform does not know it yet")
            return "not known yet"
        return self._reverse()

    def _found(self, found: Accepted) -> str:
        if found.nodes["setlinfo"]["refd_setl_flag"] == "1":
            return self._end("reversed", lambda s: upstream.record_reversed(s, self.caller, self.row.id))
        settled = lambda s: record_settled(s, self.caller, self.row.id, found, infno=self.row.infno)  # noqa: E731
        return self._end("answered", settled)

    def _reverse(self) -> str:
        said = {"psn_no": self.row.psn_no, "omsgid": self.row.msgid, "oinfno": self.row.infno}
        outcome = self._say("reverse", "2601", said)
        if isinstance(outcome, Accepted):
            return self._end("reversed", lambda s: upstream.record_reversed(s, self.caller, self.row.id))
        return _lost(self.caller, self.due, f"2601: {getattr(outcome, 'sentence', '') or outcome}"[:300])

    def _undo(self) -> str:
        """Whether the settlement still stands; if so the undo is sent once more, which cannot undo it twice."""
        found = self._ask(self.due.setl_id or "")
        if not isinstance(found, Accepted):
            return _lost(self.caller, self.due, f"5203: {found}"[:300])
        words: dict[str, Any] = found.written
        if found.nodes["setlinfo"]["refd_setl_flag"] != "1":
            again = upward.say(
                self.due.authority,
                self.row.infno,
                upward.written(self.row.infno, {"data": self._named(self.due.setl_id or "")}, self.spoken),
                msgid=self.row.msgid,
                speaker=self.speaker,
                at=door.now(),
            )
            if isinstance(again, Refused):
                no = again.sentence
                return self._end("refused", lambda s: upstream.record_refused(s, self.caller, self.row.id, no))
            if not isinstance(again, Accepted):
                return _lost(self.caller, self.due, again.problem)
            words = again.written
        return self._end("answered", lambda s: upstream.record_undone(s, self.caller, self.row.id, words))

    def _ask(self, setl_id: str) -> Outcome:
        return self._say("query", "5203", self._named(setl_id))

    def _named(self, setl_id: str) -> dict[str, str]:
        return {"psn_no": self.row.psn_no, "setl_id": setl_id, "mdtrt_id": self.due.mdtrt_id}

    def _say(self, kind: str, infno: str, data: Mapping[str, Any]) -> Outcome:
        """A question about the question, in the journal too."""
        at = door.now()
        number, input_ = upward.msgid(self.due.hospital_id, at), upward.written(infno, {"data": data}, self.spoken)

        def note(session: Session) -> int:
            return upstream.write_down(
                session,
                self.caller,
                self.due.authority,
                kind=kind,
                infno=infno,
                msgid=number,
                said=input_,
                organisation_id=self.due.hospital_id,
                psn_no=self.row.psn_no,
                visit_id=self.row.visit_id,
                person_id=self.row.person_id,
                key=self.row.key,
            ).id

        row_id = door.transact(note)
        outcome = upward.say(self.due.authority, infno, input_, msgid=number, speaker=self.speaker, at=at)
        door.transact(lambda session: upward.note_end(session, self.caller, row_id, outcome))
        return outcome

    def _end(self, word: str, record: Callable[[Session], object]) -> str:
        door.transact(record)
        return word


def _lost(caller: Caller, due: Due, problem: str) -> str:
    door.transact(lambda session: upstream.record_lost(session, caller, due.forwarded.id, problem))
    return "unanswered"
