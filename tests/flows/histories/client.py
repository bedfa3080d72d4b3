"""One window of a hospital and one citizen. The seed decides every step, so that a history can be lived again."""

import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from fixtures.simulators.nhsa_client import Exchange, Hospital
from hub.units import Money
from tests.adapters.nhsa.cashier import Window, fee
from tests.adapters.nhsa.conftest import Insured
from tests.flows.histories.checker import ACKNOWLEDGED, REFUSED, UNKNOWN, Note

STEPS = 8
PATIENCE_SECONDS = 120
ITEMS = (("D-EX-0001", "8.80"), ("S-BED-01", "35.00"), ("S-ESC-01", "560.00"))


class Unanswered(Exception):
    """Sent, and nobody knows."""


@dataclass
class Client:
    seed: int
    hospital: Hospital
    citizen: Insured
    kill: Callable[[str], None]
    notes: list[Note] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)

    def live(self) -> None:
        """Charge, settle, undo, ask again, with whatever goes wrong on the way."""
        chance = random.Random(self.seed)
        for step in range(STEPS):
            if chance.random() < 0.12:
                self.kill(chance.choice(["hub", "database"]))
            window = self._charged(chance, step)
            self._settle(chance, window)
            if self.standing and chance.random() < 0.3:
                self._undo(chance, window)

    def _charged(self, chance: random.Random, step: int) -> Window:
        """A new out-patient visit with its lines, sent until the hub has them."""
        window = Window(self.hospital, self.citizen, f"MZ{self.seed:05d}-{step}")
        lines = [
            fee(n + 1, code, price, str(chance.randint(1, 3)))
            for n, (code, price) in enumerate(chance.sample(ITEMS, chance.randint(1, 3)))
        ]
        self._until_done(window.register)
        self._until_done(window.diagnose)
        self._until_done(lambda: window.charge(*lines))
        return window

    def _until_done(self, work: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                work()
                return
            except (httpx.HTTPError, RuntimeError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _settle(self, chance: random.Random, window: Window) -> None:
        """Settle the batch; a lost answer is asked again, asked under a new id, or left alone."""
        msgid, total = self.hospital.next_msgid(), window.total
        for attempt in range(12):
            note = self._said(chance, window, msgid, total)
            self.notes.append(note)
            if note.outcome == ACKNOWLEDGED:
                if note.setl_id not in self.standing:
                    self.standing.append(note.setl_id)
                if chance.random() < 0.2 and attempt < 10:
                    continue  # asked once more, for no reason
                return
            if chance.random() < 0.1:
                return
            if chance.random() < 0.4:
                msgid = self.hospital.next_msgid()
            time.sleep(0.3)

    def _said(self, chance: random.Random, window: Window, msgid: str, total: Decimal) -> Note:
        asked = {"data": window.bill()}
        known = {"infno": "2207", "msgid": msgid, "visit_id": window.mdtrt_id, "batch": "B1"}
        try:
            exchange = self._send(chance, "2207", asked, msgid)
        except Unanswered:
            return Note(outcome=UNKNOWN, **known)
        if not exchange.accepted:
            return Note(outcome=REFUSED, said=exchange.message, **known)
        answer = exchange.output["setlinfo"]
        amounts = {"total": _fen(answer["medfee_sumamt"]), "fund": _fen(answer["fund_pay_sumamt"])}
        return Note(outcome=ACKNOWLEDGED, setl_id=answer["setl_id"], **known, **amounts)

    def _undo(self, chance: random.Random, window: Window) -> None:
        """Undo the last settlement that stands, under new ids until somebody says it is done."""
        last = self.standing.pop()
        visit_id = next(note.visit_id for note in self.notes if note.setl_id == last)
        asked = {"data": {"mdtrt_id": visit_id, "psn_no": self.citizen.psn_no, "setl_id": last}}
        for _ in range(12):
            msgid = self.hospital.next_msgid()
            known = {"infno": "2208", "msgid": msgid, "visit_id": visit_id, "undoes": last}
            try:
                exchange = self._send(chance, "2208", asked, msgid)
            except Unanswered:
                self.notes.append(Note(outcome=UNKNOWN, **known))
            else:
                done = exchange.accepted
                self.notes.append(Note(outcome=ACKNOWLEDGED if done else REFUSED, said=exchange.message, **known))
                if done:
                    return
            time.sleep(0.3)

    def _send(self, chance: random.Random, infno: str, asked: dict[str, Any], msgid: str) -> Exchange:
        """Over the wire; one in five answers is lost on the way. Raises Unanswered."""
        body = self.hospital.envelope(infno, asked, msgid=msgid)
        if chance.random() < 0.2:
            self._send_and_hang_up(infno, body)
            raise Unanswered
        try:
            return self.hospital.send(infno, body, msgid=msgid)
        except httpx.HTTPError:
            raise Unanswered from None

    def _send_and_hang_up(self, infno: str, body: bytes) -> None:
        """Every byte goes out, and nobody waits for what comes back."""
        where = httpx.URL(self.hospital.base_url)
        headers = {"host": where.host, "content-type": "application/json", "content-length": str(len(body))}
        lines = [f"POST /nhsa/{infno} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (headers | self.hospital.signed(infno)).items()]
        try:
            with socket.create_connection((where.host, where.port or 80), timeout=5) as wire:
                wire.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        except OSError:
            return


def _fen(text: str) -> int:
    return int(Money.yuan(text))
