"""The plain words of every rule, in Chinese and in English; the facts of a step fill the gaps."""

LEVEL_NAMES = {
    "zh": ("基层机构", "一级医院", "二级医院", "三级医院"),
    "en": ("primary care", "a level 1 hospital", "a level 2 hospital", "a level 3 hospital"),
}

A_RELATIVE = {"zh": "家人", "en": "a relative"}
"""Whose account pays, where only the money is known."""

SENTENCES = {
    "amount": ("{quantity} × {unit_price} 元", "{quantity} × {unit_price} yuan"),
    "ceiling": (
        "限价每单位 {ceiling} 元，最多按 {most} 元算，超过的您付",
        "The ceiling is {ceiling} a unit, {most} in all; what is above is yours to pay",
    ),
    "class-c": ("丙类，医保不报，全部您付", "Class C: not covered, yours to pay in full"),
    "not-approved": ("限定用药，这次没有批准，全部您付", "Restricted and not approved this time: yours to pay in full"),
    "first-share": ("乙类，先自付 {share}（按 {payable} 元算）", "Class B: you first pay {share} of {payable}"),
    "scope": ("能报的部分", "What the insurance looks at"),
    "line-deductible": ("起付线 {bill} 元中分到这一项的", "This item's part of the deductible of {bill}"),
    "line-pool": ("减去起付线后的 {rest} 元，统筹基金报 {ratio}", "The pool pays {ratio} of the remaining {rest}"),
    "line-large": ("大额基金付的 {bill} 元中分到这一项的", "This item's part of the {bill} from the large-amount fund"),
    "line-serious": (
        "大病保险付的 {bill} 元中分到这一项的",
        "This item's part of the {bill} from serious-illness insurance",
    ),
    "line-civil": (
        "公务员补助的 {bill} 元中分到这一项的",
        "This item's part of the {bill} of civil-servant supplement",
    ),
    "line-aid": ("医疗救助的 {bill} 元中分到这一项的", "This item's part of the {bill} of medical aid"),
    "person": ("这一项您付", "You pay for this item"),
    "deductible": ("{level}的起付线 {own} 元", "The deductible at {level} is {own}"),
    "deductible-later": (
        "今年第 {admission} 次住院，起付线减为 {own} 元",
        "Admission {admission} this year: reduced to {own}",
    ),
    "deductible-up": ("转来之前已付过起付线 {paid} 元，减去", "Less the {paid} already paid before the transfer up"),
    "deductible-down": ("按规定向下转诊，不收起付线", "Referred back down as filed: no deductible here"),
    "deductible-paid": (
        "今年（或本次住院）已付过起付线 {paid} 元",
        "{paid} of it has been paid this year (or this stay)",
    ),
    "deductible-borne": ("本次付起付线", "Deductible borne by this bill"),
    "ratio": ("{level}报 {ratio}", "{level} pays {ratio}"),
    "ratio-retired": ("退休加 {points}", "Retired: plus {points}"),
    "ratio-unreferred": ("没有转诊备案，减 {points}", "No referral was filed: less {points}"),
    "ratio-out-of-area": ("异地就医，按 {factor} 折算", "Outside the area: times {factor}"),
    "pool": (
        "{rest} 元，统筹基金报 {ratio}，今年还可付 {room} 元",
        "The pool pays {ratio} of {rest}; {room} is left this year",
    ),
    "quota": (
        "{rest} 元，慢病额度报 {ratio}，今年额度还有 {room} 元",
        "The quota pays {ratio} of {rest}; {room} is left this year",
    ),
    "large": (
        "超过统筹封顶的 {base} 元，大额基金报 {ratio}",
        "Above the pool's limit: the large-amount fund pays {ratio} of {base}",
    ),
    "serious": (
        "今年自付累计从 {before} 到 {after} 元，大病保险分段报销",
        "The year's own share goes from {before} to {after}; serious-illness insurance pays by segments",
    ),
    "civil": (
        "剩下的 {base} 元，公务员补助 {ratio}",
        "The civil-servant supplement pays {ratio} of the remaining {base}",
    ),
    "aid": ("剩下的 {base} 元，医疗救助 {ratio}", "Medical aid pays {ratio} of the remaining {base}"),
    "account": ("个人账户付（余额 {balance} 元）", "From the personal account (balance {balance})"),
    "shared": ("家庭共济：从{owner}的个人账户付", "Shared in the family: from the personal account of {owner}"),
    "cash": ("您付的现金", "You pay in cash"),
}
