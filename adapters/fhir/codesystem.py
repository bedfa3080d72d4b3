"""CodeSystem: the local codes that the financial resources speak, made from the hub's own tables of them."""

from adapters.fhir.outcome import ResourceUnknown
from adapters.fhir.resources import Call, Parameter, Query, Resource, ResourceType
from adapters.fhir.systems import ADJUDICATION, CARE, FUND, ITEM_CLASS
from hub import trust
from hub.coverage import SENTENCES
from hub.settlement import AMOUNTS

Words = dict[str, tuple[str, str]]
"""Code, and its meaning in Chinese and in English."""

_CLASSES: Words = {
    "A": ("甲类，全部纳入报销范围", "Class A: wholly in scope"),
    "B": ("乙类，先自付一部分", "Class B: a first share is the patient's"),
    "C": ("丙类，全部自费", "Class C: wholly the patient's"),
}
_FUNDS: Words = {
    "pool": ("基本医疗保险统筹基金", "basic pool"),
    "large": ("大额医疗费用补助", "large-amount fund"),
    "serious": ("大病保险", "serious-illness insurance"),
    "civil": ("公务员医疗补助", "civil-servant supplement"),
    "aid": ("医疗救助", "medical aid"),
    "account": ("个人账户", "personal account"),
    "cash": ("现金", "cash"),
}
_CARES: Words = {"inpatient": ("住院", "in-patient"), "outpatient": ("门诊", "out-patient")}
_AMOUNTS: Words = {
    "total": ("总费用", "charged in all"),
    "over": ("超限价自费", "above the ceiling"),
    "own": ("全自费", "wholly own pay"),
    "first": ("乙类先行自付", "first share"),
    "scope": ("符合政策范围", "in scope"),
    "deductible": ("起付线", "deductible"),
    "fund": ("基金支付合计", "paid by the funds in all"),
    **_FUNDS,
}
assert set(_AMOUNTS) == set(AMOUNTS)

SYSTEMS: dict[str, tuple[str, Words]] = {
    "item-class": (ITEM_CLASS, _CLASSES),
    "fund": (FUND, _FUNDS),
    "care": (CARE, _CARES),
    "adjudication": (ADJUDICATION, SENTENCES | _AMOUNTS),
}


def read(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    trust.require(call.caller, "directory.read")
    if logical_id not in SYSTEMS:
        raise ResourceUnknown(reference=f"CodeSystem/{logical_id}")
    return code_system(logical_id)


def search(call: Call, query: Query) -> list[Resource]:
    """All, or the one with a url. Refuses: NotAllowed."""
    trust.require(call.caller, "directory.read")
    wanted = query.one("url")
    return [code_system(name) for name, (url, _) in SYSTEMS.items() if wanted in (None, url)]


def code_system(name: str) -> Resource:
    """One of the local systems, complete."""
    url, words = SYSTEMS[name]
    return {
        "resourceType": "CodeSystem",
        "id": name,
        "url": url,
        "name": name.title().replace("-", ""),
        "status": "active",
        "content": "complete",
        "count": len(words),
        "concept": [{"code": code, "display": zh, "definition": en} for code, (zh, en) in words.items()],
    }


CODE_SYSTEM = ResourceType(
    "CodeSystem", parameters={"url": Parameter("uri", "the system's uri")}, read=read, search=search
)
