"""The interface's names for kinds of care and for the funds that pay."""

from adapters.nhsa.region import Region

INPATIENT = frozenset({"21", "22", "23", "24", "28", "52"})
"""First two digits of the med_type of a stay; every other is an attendance."""
CHRONIC = "14"
EMERGENCY = frozenset({"13", "1301"})

CLASSES = {"A": "01", "B": "02", "C": "03"}
CHARGE_TYPES = {
    "bed": "01",
    "consultation": "02",
    "examination": "03",
    "laboratory": "04",
    "treatment": "05",
    "operation": "06",
    "nursing": "07",
    "material": "08",
    "drug": "09",
    "decoction-piece": "10",
    "patent-medicine": "11",
    "registration": "13",
}
"""med_chrgitm_type by the catalogue's kinds."""
OTHER_CHARGES = "14"

_FUNDS = {
    ("310", "pool"): "310100",
    ("390", "pool"): "390100",
    ("310", "outpatient-pool"): "310102",
    ("390", "outpatient-pool"): "390102",
    ("310", "account"): "310200",
    ("310", "large"): "330100",
    ("390", "serious"): "390200",
    ("310", "civil"): "320100",
    ("310", "aid"): "610100",
    ("390", "aid"): "610100",
}
_OTHER = "999997"


def care_of(med_type: str) -> str:
    """ "inpatient" or "outpatient"."""
    return "inpatient" if med_type[:2] in INPATIENT else "outpatient"


def fund_pay_type(insutype: str, fund: str, care: str) -> str:
    """The code of a fund (pool, large, serious, civil, aid, account); ordinary out-patients have pools of their own."""
    name = "outpatient-pool" if (fund, care) == ("pool", "outpatient") else fund
    return _FUNDS.get((insutype, name), _OTHER)


def fund_name(spoken: Region, code: str) -> str:
    return spoken.codes["fund_pay_type"].values.get(code, "")
