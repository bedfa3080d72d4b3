"""A day matched in bulk gives the differences that one statement after the other gives, and changes nothing twice."""

import json
import random
from dataclasses import asdict
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters.reconciling.day import reconcile
from adapters.reconciling.matching import match
from adapters.settings import libpq_url
from hub import reconciliation
from hub.reconciliation import Break, Comparison, Line, Statement, differences, grouped
from hub.reconciliation.statements import sum_of, take_in
from tests.hub.ledgers import DAY, HOSPITAL, PERIOD, ledger_in
from tests.region import COUNTY

AMOUNTS = (0, 1, 100, 100, 250)


def books(chance: random.Random) -> tuple[list[Line], list[Line]]:
    """Two sides that share most lines: lost, doubled, taken back, another amount, another visit."""
    insurer = [
        Line(str(n), f"V{n // 2}", "", chance.choice(AMOUNTS), chance.choice(AMOUNTS), chance.choice(AMOUNTS))
        for n in range(chance.randrange(8))
    ]
    insurer += [_back(line) for line in insurer if chance.random() < 0.2]
    hospital = [line for line in insurer if chance.random() < 0.85]
    hospital += [line for line in hospital if chance.random() < 0.15]
    hospital += [_back(line) for line in hospital if chance.random() < 0.1]
    hospital = [_other(line, chance) if chance.random() < 0.15 else line for line in hospital]
    chance.shuffle(hospital)
    return hospital, insurer


def _back(line: Line) -> Line:
    return Line(line.setl_id, line.mdtrt_id, "", -line.fee, -line.fund, -line.account, True)


def _other(line: Line, chance: random.Random) -> Line:
    return Line(
        line.setl_id, line.mdtrt_id, "", line.fee, line.fund + chance.choice((-1, 1)), line.account, line.refund
    )


def written(folder: Path, name: str, sides: dict[int, list[Line]]) -> Path:
    """Lines as an export has them."""
    text, file = folder / f"{name}.json", folder / f"{name}.parquet"
    rows = [{"statement": n, **asdict(line)} for n, lines in sides.items() for line in lines]
    text.write_text("\n".join(map(json.dumps, rows)))
    columns = "statement::BIGINT AS statement, setl_id, mdtrt_id, fee::BIGINT AS fee, fund::BIGINT AS fund, "
    columns += "account::BIGINT AS account, refund, NULL::VARCHAR AS msgid"
    shape = "{statement: 'BIGINT', setl_id: 'VARCHAR', mdtrt_id: 'VARCHAR', fee: 'BIGINT', fund: 'BIGINT', "
    shape += "account: 'BIGINT', refund: 'BOOLEAN'}"
    with duckdb.connect() as files:
        files.execute(f"COPY (SELECT {columns} FROM read_json('{text}', columns={shape})) TO '{file}' (FORMAT parquet)")
    return file


@pytest.mark.parametrize("seed", range(3))
def test_lines_matched_in_bulk_have_the_differences_of_lines_compared_one_by_one(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    sides = {n: books(chance) for n in range(1, 301)}
    hospital = written(tmp_path, "hospital", {n: theirs for n, (theirs, _) in sides.items()})
    insurer = written(tmp_path, "insurer", {n: ours for n, (_, ours) in sides.items()})
    matched = match(tmp_path, hospital, insurer)
    differing = 0
    for n, (theirs, ours) in sides.items():
        whole = differences(grouped(theirs), grouped(ours), {})
        few = differences(
            grouped(matched.hospital_suspects.get(n, [])), grouped(matched.insurer_suspects.get(n, [])), {}
        )
        assert [(d.setl_id, d.kind, d.hospital, d.insurer) for d in few] == [
            (d.setl_id, d.kind, d.hospital, d.insurer) for d in whole
        ]
        assert matched.hospital.get(n, sum_of([])) == sum_of(theirs)
        assert matched.insurer.get(n, sum_of([])) == sum_of(ours)
        differing += len(whole)
    assert differing > 100


def dsn_of(engine: Engine) -> str:
    return libpq_url(engine.url.render_as_string(hide_password=False))


def listed(engine: Engine, lines: list[Line]) -> None:
    """The hospital's lines of the day as they came, not yet compared."""
    with Session(engine) as session, session.begin():
        take_in(
            session,
            side="hospital",
            period=PERIOD,
            insutypes=["310"],
            amounts=sum_of(lines),
            at=HOSPITAL.at,
            by="sheet",
            lines=lines,
        )


def test_a_day_is_named_run_again_it_changes_nothing_and_what_is_mended_heals(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        settle = ledger_in(session)
        lines = [settle("2000.00") for _ in range(4)]
        back = settle(undoes=lines[3])
    lost, wrong = lines[0], lines[1]
    off = Line(wrong.setl_id, wrong.mdtrt_id, wrong.psn_no, wrong.fee, wrong.fund - 1, wrong.account)
    listed(engine, [off, lines[2], lines[2], lines[3], back])

    first = reconcile(dsn_of(engine), DAY)
    ((statement, found),) = first.compared
    assert [(row.setl_id, row.kind) for row in found.breaks] == [
        (lost.setl_id, "insurer-only"),
        (wrong.setl_id, "amount"),
        (lines[2].setl_id, "duplicate"),
    ]
    assert first.awaited == {}
    with Session(engine) as session, session.begin():
        reconciliation.propose(session, HOSPITAL, break_id=found.breaks[0].id, action="post-missing")
        bridge = reconciliation.bridge(session, HOSPITAL, organisation_id=statement.organisation_id, day=DAY)
        assert bridge.foots
        assert len(bridge.entries) == 3

    again = reconcile(dsn_of(engine), DAY)
    assert [row.state for row in again.compared[0][1].breaks] == ["proposed", "open", "open"]
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Break)) == 3

    listed(engine, [*lines, back])
    mended = reconcile(dsn_of(engine), DAY)
    assert [found.balanced for _, found in mended.compared] == [True]
    with Session(engine) as session:
        assert set(session.scalars(select(Break.state))) == {"healed"}
        assert session.scalar(select(func.count()).select_from(Comparison)) == 3


def test_what_nobody_has_listed_is_awaited(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        line = ledger_in(session)()
    done = reconcile(dsn_of(engine), DAY)
    assert done.compared == []
    assert done.document()["awaited"] == {PERIOD.organisation_id: {
        "fee": "2000.00", "fund": f"{line.fund / 100:.2f}", "account": f"{line.account / 100:.2f}", "count": 1,
    }}  # fmt: skip


def test_only_the_newest_statement_of_a_bucket_stands(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        line = ledger_in(session)()
    for lines in ([], [line]):
        listed(engine, lines)
    with Session(engine) as session:
        (stands,) = reconciliation.standing(session, HOSPITAL, day=DAY)
        assert stands.id == session.scalar(select(func.max(Statement.id)))
    assert COUNTY not in reconcile(dsn_of(engine), DAY).awaited
