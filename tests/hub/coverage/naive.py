"""A second, deliberately naive adjudication of the example pack: fractions, no data, one bill at a time.

Written from the pack's description alone, to disagree with the real one wherever either is wrong.
"""

from fractions import Fraction
from typing import Any


def fen(text: str) -> int:
    return int(Fraction(text) * 100)


def rounded(exact: Fraction) -> int:
    return int(exact + Fraction(1, 2))


def naive_totals(b: dict[str, Any]) -> dict[str, str]:
    employee, retired, level = b["insutype"] == "310", b["retired"], b["hospital_level"]
    inpatient, chronic, year = b["care"] == "inpatient", b["chronic"], {k: fen(v) for k, v in b["year"].items()}

    total = over = own = first = scope = 0
    for line in b["lines"]:
        amount = rounded(Fraction(line["quantity"]) * Fraction(line["unit_price"]) * 100)
        above = 0
        if line["ceiling"] is not None:
            above = max(0, amount - rounded(Fraction(line["quantity"]) * Fraction(line["ceiling"]) * 100))
        total, over = total + amount, over + above
        if line["class"] == "C" or not line["approved"]:
            own += amount - above
            continue
        share = (
            rounded(Fraction(amount - above) * Fraction("0.10" if employee else "0.15")) if line["class"] == "B" else 0
        )
        first += share
        scope += amount - above - share

    referral = b["referral"] if b["referral"] and b["referral"]["filed"] else None
    if chronic:
        due = 0
    elif inpatient:
        due = [20000, 20000, 50000, 100000][level]
        if employee and b["admission"] >= 2:
            due //= 2
        if referral and referral["direction"] == "up":
            due = max(0, due - fen(referral["deductible_paid"]))
        if referral and referral["direction"] == "down":
            due = 0
    elif employee:
        due = max(0, (40000 if retired else 50000) - year["outpatient_deductible"])
    else:
        due = max(0, 5000 - year["outpatient_deductible"]) if level == 1 else 0
    due = max(0, due - fen(b["stay_deductible_paid"]))
    deductible = min(scope, due)
    rest = scope - deductible

    if chronic:
        p = Fraction("0.80") if employee else Fraction("0.60")
        room = {"hypertension": 200000, "diabetes": 240000}[chronic] - year["chronic"]
    elif inpatient:
        p = Fraction([92, 92, 90, 88][level] if employee else [85, 85, 75, 60][level], 100)
        if employee and retired:
            p += Fraction(2, 100)
        if level == 3 and b["out_of_area"] is None and not referral and not b["emergency"]:
            p -= Fraction(10, 100)
        room = 15000000 - year["pool"]
    else:
        p = Fraction([75, 70, 60, 50][level] if employee else [50, 50, 0, 0][level], 100)
        if employee and retired:
            p += Fraction(5, 100)
        most = (260000 if retired else 220000) if employee else 40000
        room = most - year["outpatient_pool"]
    if b["out_of_area"]:
        factors = {"filed": "0.90", "emergency": "0.85", "unfiled": "0.70"}
        if not employee:
            factors = {"filed": "0.85", "emergency": "0.80", "unfiled": "0.60"}
        p *= Fraction(factors[b["out_of_area"]])
    p, room = min(p, Fraction(1)), max(0, room)

    pool = min(rounded(rest * p), room)
    covered = rest
    if rounded(rest * p) > room:
        low, high = 0, rest
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if rounded(middle * p) >= room else (middle + 1, high)
        covered = low
    large = serious = civil = aid = 0
    if inpatient and employee:
        large = min(rounded((rest - covered) * Fraction("0.85")), max(0, 35000000 - year["large"]))
    if inpatient and not employee:
        before = year["own_in_scope"]
        after = before + deductible + rest - pool
        for low, high, share in ((1200000, 3000000, "0.60"), (3000000, 10000000, "0.65"), (10000000, None, "0.75")):
            part = (after if high is None else min(after, high)) - max(before, low)
            serious += rounded(max(0, part) * Fraction(share))
        serious = min(serious, max(0, 30000000 - year["serious"]))
    if inpatient or chronic:
        if employee and b["civil_servant"]:
            civil = rounded(Fraction(scope - pool - large - serious, 2))
        if b["aid"]:
            aid = min(
                rounded((scope - pool - large - serious - civil) * Fraction("0.70")), max(0, 3000000 - year["aid"])
            )
    fund = pool + large + serious + civil + aid
    person = total - fund
    account = min(fen(b["account_balance"]), person - own - over) if employee and b["account_used"] else 0
    # A relative's account pays what one's own would, after it.
    shared = min(fen(b["shared_balance"]), person - own - over - account) if b.get("shared_balance") else 0
    totals = {
        "total": total,
        "over": over,
        "own": own,
        "first": first,
        "scope": scope,
        "deductible": deductible,
        "pool": pool,
        "large": large,
        "serious": serious,
        "civil": civil,
        "aid": aid,
        "fund": fund,
        "account": account + shared,
        "cash": person - account - shared,
    }
    return {name: f"{amount // 100}.{amount % 100:02d}" for name, amount in totals.items()}
