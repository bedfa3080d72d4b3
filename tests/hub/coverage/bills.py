"""Bills for tests: the worked examples of the example pack, and random ones."""

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hub.coverage import Pack, read_pack
from hub.units import Money

EXAMPLES = json.loads((Path(__file__).parent / "worked_examples.json").read_text())


def example_pack() -> Pack:
    root = Path(__file__).parents[3]
    return read_pack((root / "fixtures/packs/yichang-example-2024.toml").read_text())


def a_bill(**differs: Any) -> dict[str, Any]:
    """The base bill of the worked examples, with what differs."""
    year = EXAMPLES["base"]["year"] | differs.pop("year", {})
    return EXAMPLES["base"] | differs | {"year": year}


def yuan(most: int) -> st.SearchStrategy[str]:
    return st.integers(0, most * 100).map(lambda fen: str(Money(fen)))


def decimals(most: int, places: int) -> st.SearchStrategy[str]:
    return st.integers(0, most * 10**places).map(lambda n: f"{Decimal(n).scaleb(-places):f}")


LINES = st.lists(
    st.fixed_dictionaries(
        {
            "class": st.sampled_from("AAABBC"),
            "quantity": st.one_of(st.integers(0, 40).map(str), decimals(20, 4)),
            "unit_price": st.one_of(yuan(3000), decimals(900, 6), yuan(90000)),
            "ceiling": st.one_of(st.none(), yuan(2000)),
            "approved": st.sampled_from([True, True, True, False]),
        }
    ),
    max_size=7,
).map(lambda lines: [{"id": str(i + 1), **line} for i, line in enumerate(lines)])

YEARS = st.fixed_dictionaries(
    {
        "pool": st.one_of(st.just("0.00"), yuan(160_000), st.just("149999.99")),
        "large": st.one_of(st.just("0.00"), yuan(360_000)),
        "serious": st.one_of(st.just("0.00"), yuan(310_000)),
        "aid": st.one_of(st.just("0.00"), yuan(31_000)),
        "own_in_scope": st.one_of(st.just("0.00"), yuan(120_000)),
        "outpatient_deductible": st.one_of(st.just("0.00"), yuan(600)),
        "outpatient_pool": st.one_of(st.just("0.00"), yuan(2700)),
        "chronic": st.one_of(st.just("0.00"), yuan(2500)),
    }
)

REFERRALS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"filed": st.booleans(), "direction": st.sampled_from(["up", "down"]), "deductible_paid": yuan(1100)}
    ),
)


@st.composite
def bills(draw: st.DrawFn) -> dict[str, Any]:
    """Any lawful bill document of the example pack."""
    care = draw(st.sampled_from(["inpatient", "outpatient"]))
    disease = st.sampled_from([None, None, "hypertension", "diabetes"])
    return a_bill(
        insutype=draw(st.sampled_from(["310", "390"])),
        retired=draw(st.booleans()),
        civil_servant=draw(st.booleans()),
        aid=draw(st.booleans()),
        care=care,
        chronic=draw(disease) if care == "outpatient" else None,
        hospital_level=draw(st.integers(0, 3)),
        admission=draw(st.integers(1, 4)),
        emergency=draw(st.booleans()),
        referral=draw(REFERRALS),
        out_of_area=draw(st.sampled_from([None, None, "filed", "emergency", "unfiled"])),
        stay_deductible_paid=draw(st.one_of(st.just("0.00"), yuan(1000))),
        account_balance=draw(st.one_of(st.just("0.00"), yuan(5000))),
        account_used=draw(st.booleans()),
        shared_balance=draw(st.one_of(st.none(), yuan(5000))),
        year=draw(YEARS),
        lines=draw(LINES),
    )


def random_bill(rng: random.Random) -> dict[str, Any]:
    """Like `bills`, without shrinking and a hundred times faster."""
    return a_bill(
        insutype=rng.choice(["310", "390"]),
        retired=rng.random() < 0.4,
        civil_servant=rng.random() < 0.3,
        aid=rng.random() < 0.3,
        care=(care := rng.choice(["inpatient", "inpatient", "outpatient"])),
        chronic=rng.choice([None, "hypertension", "diabetes"]) if care == "outpatient" else None,
        hospital_level=rng.randrange(4),
        admission=rng.randint(1, 3),
        emergency=rng.random() < 0.3,
        referral=rng.choice([None, _referral(rng)]),
        out_of_area=rng.choice([None, None, "filed", "emergency", "unfiled"]),
        stay_deductible_paid=_yuan(rng, 1000),
        account_balance=_yuan(rng, 5000),
        account_used=rng.random() < 0.8,
        shared_balance=_yuan(rng, 5000) if rng.random() < 0.3 else None,
        year={name: _yuan(rng, most) for name, most in MOST.items()},
        lines=[_line(rng, i) for i in range(rng.randint(0, 8))],
    )


MOST = {
    "pool": 160_000,
    "large": 360_000,
    "serious": 310_000,
    "aid": 31_000,
    "own_in_scope": 120_000,
    "outpatient_deductible": 600,
    "outpatient_pool": 2700,
    "chronic": 2500,
}


def _referral(rng: random.Random) -> dict[str, Any]:
    direction = rng.choice(["up", "down"])
    return {"filed": rng.random() < 0.7, "direction": direction, "deductible_paid": _yuan(rng, 1100)}


def _yuan(rng: random.Random, most: int) -> str:
    return "0.00" if rng.random() < 0.4 else str(Money(rng.randint(0, most * 100)))


def _line(rng: random.Random, number: int) -> dict[str, Any]:
    price = rng.choice([10, 500, 60_000])
    return {
        "id": str(number),
        "class": rng.choice("AAABBC"),
        "quantity": str(rng.randint(0, 30)) if rng.random() < 0.6 else f"{rng.uniform(0, 20):.4f}",
        "unit_price": _yuan(rng, price) if rng.random() < 0.6 else f"{rng.uniform(0, price):.6f}",
        "ceiling": _yuan(rng, price) if rng.random() < 0.3 else None,
        "approved": rng.random() < 0.85,
    }
