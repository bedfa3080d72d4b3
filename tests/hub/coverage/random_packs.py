"""Any lawful benefit pack: random figures, put into the order that the checks ask for.

A pack is made from a seed, since drawing its hundred figures one by one takes a hundred times longer.
"""

import random
from dataclasses import replace

from hypothesis import strategies as st

from hub.coverage import Pack, Scheme
from hub.coverage.packs import WHOLE, Four, Inpatient, Layer, Outpatient, Segment, Serious
from tests.hub.coverage.bills import example_pack

EXAMPLE = example_pack()


def random_pack(rng: random.Random) -> Pack:
    return replace(EXAMPLE, schemes={insutype: _scheme(rng, insutype) for insutype in ("310", "390")})


packs = st.integers(0, 2**32).map(lambda seed: random_pack(random.Random(seed)))


def _share(rng: random.Random) -> int:
    return rng.choice([1, WHOLE, rng.randint(1, WHOLE), rng.randint(1, WHOLE)])


def _limit(rng: random.Random) -> int:
    return rng.randint(1, rng.choice([1, 500_00, 10_000_00, 400_000_00]))


def _four(rng: random.Random, most: int, *, falling: bool = False, least: int = 0) -> Four:
    a, b, c, d = sorted((rng.randint(least, most) for _ in range(4)), reverse=falling)
    return a, b, c, d


def _layer(rng: random.Random) -> Layer:
    return Layer(_share(rng), _limit(rng))


def _inpatient(rng: random.Random) -> Inpatient:
    ratio = _four(rng, WHOLE, falling=True, least=1)
    return Inpatient(
        deductible=_four(rng, 3_000_00),
        later_admission_share=rng.randint(0, WHOLE),
        ratio=ratio,
        retired_points=rng.choice([0, rng.randint(0, 3_000)]),
        unreferred_points=_four(rng, ratio[3]),
        fund_at_most=_limit(rng),
        referral_up_carries_deductible=rng.random() < 0.5,
        referral_down_waives_deductible=rng.random() < 0.5,
    )


def _outpatient(rng: random.Random) -> Outpatient:
    covered, most = rng.randint(1, 4), _limit(rng)

    def where_covered(four: Four) -> Four:
        a, b, c, d = (figure if level < covered else 0 for level, figure in enumerate(four))
        return a, b, c, d

    deductible = _four(rng, 900_00)
    a, b, c, d = (fen // 2 for fen in deductible)
    return Outpatient(
        deductible=where_covered(deductible),
        retired_deductible=where_covered((a, b, c, d)),
        ratio=where_covered(_four(rng, WHOLE, falling=True, least=1)),
        retired_points=rng.choice([0, rng.randint(0, 3_000)]),
        fund_at_most=most,
        retired_fund_at_most=most + rng.randint(0, 500_00),
    )


def _serious(rng: random.Random) -> Serious:
    starts = sorted({rng.randint(0, 150_000_00) for _ in range(rng.randint(1, 4))})
    shares = sorted(_share(rng) for _ in starts)
    rows = tuple(Segment(*row) for row in zip(starts, [*starts[1:], None], shares, strict=True))
    reached = sum((row.upto - row.above) * row.ratio // WHOLE for row in rows if row.upto is not None)
    return Serious(rows, reached + _limit(rng))


def _scheme(rng: random.Random, insutype: str) -> Scheme:
    factors = sorted((_share(rng) for _ in range(3)), reverse=True)
    return Scheme(
        insutype=insutype,
        name_zh="随机",
        name_en="random",
        class_b_first_share=rng.choice([0, WHOLE, rng.randint(0, WHOLE)]),
        personal_account=rng.random() < 0.5,
        inpatient=_inpatient(rng),
        outpatient=_outpatient(rng),
        chronic={disease: _layer(rng) for disease in ("hypertension", "diabetes")},
        large=rng.choice([None, _layer(rng)]),
        serious=rng.choice([None, _serious(rng)]),
        civil_servant_share=rng.randint(0, WHOLE),
        aid=rng.choice([None, _layer(rng)]),
        out_of_area=dict(zip(("filed", "emergency", "unfiled"), factors, strict=True)),
    )
