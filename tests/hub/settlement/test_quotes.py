"""A quote is what settling gives, in any order of events, unless what the year or an account holds moved in between."""

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from hub import coverage, settlement
from hub.records import Visit
from hub.settlement import AMOUNTS, BuiltUpon, Charge, Settlement
from tests.hub.coverage.insured import insure, insured, with_pack
from tests.hub.coverage.test_sharing import CORE, share, sharing
from tests.hub.settlement.stays import COMMUNITY, TERTIARY, charged, settle, undo
from tests.region import NOW, a_person, system

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("charge"), st.integers(0, 2), st.booleans(), st.integers(100, 4_000_000)),
        st.tuples(st.just("quote")),
        st.tuples(st.just("settle"), st.integers(0, 9)),
        st.tuples(st.just("undo"), st.integers(0, 9)),
        st.tuples(st.just("credit"), st.integers(1, 50_000)),
    ),
    min_size=4,
    max_size=24,
)
"""Charges are an in-patient's or an out-patient's, of one of three people."""


class Family:
    """An employee, and two relatives who may pay from the employee's account; what is open, quoted and settled."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.owner = insured(session, 1, balance=30_000, civil_servant=True)
        relatives = [a_person(session, 2), a_person(session, 3)]
        for serial, (relative, insutype) in enumerate(zip(relatives, ("390", "310"), strict=True), start=2):
            insure(session, relative.id, serial=serial, insutype=insutype, balance=1_000 * (insutype == "310"))
            share(session, sharing(self.owner, relative))
        self.people = [self.owner, *relatives]
        self.open: list[tuple[int, Charge, str]] = []
        self.quoted: dict[int, tuple[list[int], dict[str, object]]] = {}
        self.settled: list[Settlement] = []

    def charge(self, who: int, inpatient: bool, fen: int) -> None:
        number = f"V{len(self.open) + len(self.settled)}-{fen}-{len(self.quoted)}"
        facts = {"care": "inpatient", "ended": NOW} if inpatient else {"care": "outpatient", "batch": "B", "begun": NOW}
        hospital = TERTIARY if inpatient else COMMUNITY
        rows = [("S-BED-01", "1", f"{fen / 100:.2f}")]
        visit = charged(self.session, self.people[who].id, rows, number=number, hospital=hospital, **facts)
        self.open.append((who, Charge(visit.id, facts.get("batch", ""), shared_used=who > 0), hospital))

    def holds(self, who: int) -> dict[str, object]:
        """All that may move the figures of somebody's bill, by name."""
        person_id = self.people[who].id
        sums = coverage.accumulated(self.session, person_id, NOW.year)
        year = {f"{insutype}.{name}": fen for insutype, of in sums.items() for name, fen in of.items() if fen}
        accounts = {who, 0} if who else {0}
        return year | {f"account.{n}": coverage.balance(self.session, self.people[n].id) for n in accounts}

    def quote(self) -> None:
        for who, charge, hospital in self.open:
            self.quoted[charge.visit_id] = (self.figures(charge, hospital), self.holds(who))

    def figures(self, charge: Charge, hospital: str) -> list[int]:
        told = settlement.quote(self.session, system(hospital), charge)
        return [*told.totals, told.shared]

    def settle(self, nth: int) -> None:
        if not self.open:
            return
        who, charge, hospital = self.open.pop(nth % len(self.open))
        before = self.holds(who)
        just_now = self.figures(charge, hospital)
        visit = self.session.get_one(Visit, charge.visit_id)
        row = settle(self.session, visit, key=f"k{charge.visit_id}-{len(self.settled)}", batch=charge.batch,
                     shared_used=charge.shared_used)  # fmt: skip
        gave = [*(int(getattr(row, name)) for name in AMOUNTS), int(row.shared or 0)]
        assert gave == just_now
        said, then = self.quoted.pop(charge.visit_id, (gave, before))
        moved = {name for name in then.keys() | before.keys() if then.get(name) != before.get(name)}
        assert moved or said == gave, "nothing moved, and yet the settlement is not what was quoted"
        self.settled.append(row)

    def undo(self, nth: int) -> None:
        if self.settled:
            row = self.settled[nth % len(self.settled)]
            try:
                undo(self.session, row, key=f"u{row.id}")
            except BuiltUpon:
                return
            self.settled.remove(row)

    def credit(self, fen: int) -> None:
        coverage.credit(self.session, CORE, person_id=self.owner.id, amount=fen, source=f"more/{fen}")


@given(events=EVENTS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_quote_is_what_settling_gives_unless_something_named_moved(session: Session, events: Sequence[tuple]) -> None:
    with session.begin_nested() as attempt:
        with_pack(session)
        family = Family(session)
        for verb, *facts in events:
            getattr(family, verb)(*facts)
        assert settlement.verify(session) == []
        assert settlement.rerun(session).first is None
        attempt.rollback()
    session.expire_all()
