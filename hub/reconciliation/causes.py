"""A difference in plain words: which fields differ and by how much, why that usually is, what usually settles it."""

from collections.abc import Iterator

from hub.reconciliation.matching import Kind
from hub.reconciliation.tables import Break

WORDS: dict[Kind, tuple[str, str]] = {
    Kind.INSURER_ONLY: ("医保有，医院没有", "At the insurer, not at the hospital"),
    Kind.HOSPITAL_ONLY: ("医院有，医保没有", "At the hospital, not at the insurer"),
    Kind.AMOUNT: ("金额不同", "The amounts differ"),
    Kind.REVERSED_ON_ONE_SIDE: ("只有一边做了退费", "Taken back on one side only"),
    Kind.CROSS_DAY: ("跨日：两边记在不同的日子", "Booked on different days"),
    Kind.WRONG_BUCKET: ("清算类别或险种归错", "In another clearing bucket"),
    Kind.DUPLICATE: ("医院重复记账", "Listed twice by the hospital"),
    Kind.SEVERAL_AT_INSURER: ("同一就诊医保有多笔", "Several settlements of one visit at the insurer"),
    Kind.RESULT_EXPIRED: ("结果文件过期，医院没有取", "The result file expired before it was fetched"),
    Kind.UNKNOWN: ("原因待查", "Cause not yet known"),
}

ACTIONS = ("post-missing", "reverse", "adopt", "ask", "import-counter-entry")

USUAL_ACTION: dict[Kind, str] = {
    Kind.INSURER_ONLY: "post-missing",
    Kind.HOSPITAL_ONLY: "adopt",
    Kind.AMOUNT: "ask",
    Kind.REVERSED_ON_ONE_SIDE: "import-counter-entry",
    Kind.CROSS_DAY: "adopt",
    Kind.WRONG_BUCKET: "adopt",
    Kind.DUPLICATE: "adopt",
    Kind.SEVERAL_AT_INSURER: "reverse",
    Kind.RESULT_EXPIRED: "ask",
    Kind.UNKNOWN: "ask",
}
"""What usually settles a difference."""

ADVICE: dict[Kind, tuple[str, str]] = {
    Kind.INSURER_ONLY: (
        "病人已经付钱，请医院补记；没有付，凭报文号发 2601 撤销。",
        "If the patient has paid, the hospital posts it; if not, it is reversed by its message id (2601).",
    ),
    Kind.HOSPITAL_ONLY: (
        "请医院作废这条记录或重新结算；医保没有这笔，不能用 2601。",
        "The hospital voids its record or settles again; 2601 has nothing to reverse.",
    ),
    Kind.AMOUNT: (
        "两边并排核对，问清医院依据什么记账，再按差额更正，不抹零。",
        "Hold both sides against each other and ask what the hospital booked by; correct to the fen.",
    ),
    Kind.REVERSED_ON_ONE_SIDE: (
        "没有退费的一边补记一笔负数。",
        "The side without the refund posts the counter-entry.",
    ),
    Kind.CROSS_DAY: (
        "请医院按医保的结算时间归日，改好后下次对账自己平。",
        "The hospital books by the insurer's time of settlement; the next run then heals it.",
    ),
    Kind.WRONG_BUCKET: (
        "请医院按医保返回的险种和清算类别归类。",
        "The hospital books by the insurance and clearing type that the insurer answered.",
    ),
    Kind.DUPLICATE: ("请医院删去重复的一笔。", "The hospital takes the repeated line out."),
    Kind.SEVERAL_AT_INSURER: (
        "核实只看了一次病之后，凭报文号逐笔发 2601 撤销多出来的。",
        "Once it is sure that there was one attendance, each extra one is reversed by its message id (2601).",
    ),
    Kind.RESULT_EXPIRED: (
        "请医院重发 3202，在期限内用 9102 取结果；重发后自己平。",
        "The hospital sends 3202 again and fetches the result in time; that heals it.",
    ),
    Kind.UNKNOWN: ("人工核对，先问医院。", "To be looked into; ask the hospital first."),
}

LIKELY: dict[Kind, tuple[str, str]] = {
    Kind.INSURER_ONLY: (
        "多半是医院发出后没有等到回答，没有记账。",
        "Most often the answer did not reach the hospital and it booked nothing.",
    ),
    Kind.HOSPITAL_ONLY: (
        "多半是请求没有送到，或者被拒绝以后医院仍然记了账。",
        "Most often the request was lost, or was refused and booked all the same.",
    ),
    Kind.AMOUNT: (
        "多半是部分退费、口径不同或医院自己改过金额。",
        "Most often a partial refund, another definition of the sum, or an amount changed by hand.",
    ),
    Kind.DUPLICATE: ("多半是重复点击或重发后记了两次。", "Most often a double click or a retry that was booked again."),
    Kind.SEVERAL_AT_INSURER: (
        "多半是没等到回答，换了报文号和批次重发。",
        "Most often it was sent again under another message id and batch.",
    ),
}

_FIELDS = (("总费用", "total"), ("基金支付", "fund"), ("个人账户", "account"), ("笔数", "lines"))
_INSUTYPES = {"310": ("职工医保", "employees"), "390": ("居民医保", "residents")}
_CLEARING = {
    "11": ("门诊", "out-patient"),
    "21": ("住院", "in-patient"),
    "14": ("门诊慢特病", "chronic out-patient"),
    "9902": ("门诊慢特病", "chronic out-patient"),
    "41": ("药店", "pharmacy"),
    "99": ("其他", "other"),
}


def cause(row: Break) -> tuple[str, str]:
    """Why the two sides differ, in Chinese and English, with every field that does."""
    kind = Kind(row.kind)
    said = [_found(row, kind), LIKELY.get(kind, ("", ""))]
    return "".join(zh for zh, _ in said), " ".join(en for _, en in said if en)


def apart(row: Break) -> tuple[str, ...]:
    """The names of the fields that differ: "fee", "fund", "account", "count"."""
    return tuple(name for name, hospital, insurer in vectors(row) if hospital != insurer)


def vectors(row: Break) -> Iterator[tuple[str, int | None, int | None]]:
    """Field by field what the hospital has and what the insurer has; None where that side has nothing."""
    yield "fee", row.hospital_fee, row.insurer_fee
    yield "fund", row.hospital_fund, row.insurer_fund
    yield "account", row.hospital_account, row.insurer_account
    yield "count", row.hospital_count, row.insurer_count


def _found(row: Break, kind: Kind) -> tuple[str, str]:
    here = "hospital" if row.insurer_fee is None else "insurer"
    zh, en = _apart(row)
    match kind:
        case Kind.INSURER_ONLY:
            return (
                f"医保有这笔结算（{zh}），医院的账里没有。",
                f"The insurer has it ({en}), the hospital's books do not.",
            )
        case Kind.HOSPITAL_ONLY:
            return (
                f"医院列了这笔结算（{zh}），医保没有这个结算号。",
                f"The hospital lists it ({en}); the insurer has none.",
            )
        case Kind.AMOUNT:
            return f"同一笔结算两边都有，{zh}，其余相同。", f"Both sides have it: {en}; the rest is the same."
        case Kind.REVERSED_ON_ONE_SIDE:
            back = ("医保已经退费，医院没有记退费", "The insurer has taken it back, the hospital has not")
            if row.hospital_count > row.insurer_count:
                back = ("医院记了退费，医保没有退费", "The hospital has taken it back, the insurer has not")
            return f"{back[0]}：{zh}。", f"{back[1]}: {en}."
        case Kind.CROSS_DAY:
            return _days(row, here)
        case Kind.WRONG_BUCKET:
            return _buckets(row, here)
        case Kind.DUPLICATE:
            return (
                f"医院把同一笔列了 {row.hospital_count} 次，医保是 {row.insurer_count} 次：{zh}。",
                f"The hospital lists it {row.hospital_count} times, the insurer {row.insurer_count}: {en}.",
            )
        case Kind.SEVERAL_AT_INSURER:
            return (
                f"就诊 {row.mdtrt_id}：医院记一笔自己的结算，医保有几笔医院没有的（本笔 {zh}）。",
                f"Visit {row.mdtrt_id}: one settlement in the hospital's books, several at the insurer (this: {en}).",
            )
        case Kind.RESULT_EXPIRED:
            until = row.facts.get("expires_at", "")
            return (
                f"医院发来明细对账不平，结果文件 {row.note} 到 {until} 截止，一直没有取，不平的明细它没有看到。",
                f"The hospital's lines did not balance; it never fetched the result {row.note}, due by {until}.",
            )
        case Kind.UNKNOWN:
            return f"两边对不上，不属于已知的任何一类：{zh}。", f"The sides differ in no known way: {en}."


def _days(row: Break, here: str) -> tuple[str, str]:
    there = row.facts.get("day", row.note)
    hospital, insurer = (row.day_from, there) if here == "hospital" else (there, row.day_from)
    zh, en = _apart(row)
    return (
        f"医院记在 {hospital}，医保的结算时间是 {insurer}（{zh}）。对账按医保的结算时间分日。",
        f"The hospital books it on {hospital}, the insurer settled it on {insurer} ({en}); days are the insurer's.",
    )


def _buckets(row: Break, here: str) -> tuple[str, str]:
    said = []
    for number, none in ((0, "、"), (1, ", ")):
        own = _CLEARING.get(row.clr_type, (row.clr_type, row.clr_type))[number]
        found = [
            names.get(code, (code, code))[number]
            for names, code in ((_INSUTYPES, row.facts.get("insutype")), (_CLEARING, row.facts.get("clr_type")))
            if code
        ]
        other = none.join(found) or row.note
        said.append((own, other) if here == "hospital" else (other, own))
    (hospital_zh, insurer_zh), (hospital_en, insurer_en) = said
    zh, en = _apart(row)
    return (
        f"医院归在{hospital_zh}，医保归在{insurer_zh}（{zh}）。",
        f"The hospital has it under {hospital_en}, the insurer under {insurer_en} ({en}).",
    )


def _apart(row: Break) -> tuple[str, str]:
    """The fields that differ with both figures and the distance; of one side alone its figures."""
    one_sided = row.hospital_fee is None or row.insurer_fee is None
    zh, en = [], []
    for (name_zh, name_en), (name, hospital, insurer) in zip(_FIELDS, vectors(row), strict=True):
        if hospital == insurer or (one_sided and name == "count"):
            continue
        if one_sided:
            only = _shown(name, insurer if hospital is None else hospital)
            zh.append(f"{name_zh} {only}")
            en.append(f"{name_en} {only}")
            continue
        off = (insurer or 0) - (hospital or 0)
        figures = _shown(name, hospital), _shown(name, insurer), ("+" if off > 0 else "") + _shown(name, off)
        zh.append("{} 医院 {}、医保 {}（差 {}）".format(name_zh, *figures))
        en.append("{} hospital {}, insurer {} (off by {})".format(name_en, *figures))
    return "，".join(zh), ", ".join(en)


def _shown(name: str, value: int | None) -> str:
    """As people read it: thousands apart, a true minus sign."""
    size = abs(value or 0)
    text = str(size) if name == "count" else f"{size // 100:,}.{size % 100:02d}"
    return f"−{text}" if (value or 0) < 0 else text
