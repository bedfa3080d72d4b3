"""A window of a hospital: the transactions of one visit, with what every one of them must carry."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fixtures.simulators.nhsa_client import Exchange, Hospital
from tests.adapters.nhsa.conftest import Insured

DOCTOR = {"dise_dor_no": "D420500000011", "dise_dor_name": "陈示范", "diag_dept": "0301"}
HEART = {"diag_type": "1", "diag_srt_no": "1", "diag_code": "I25.103", "diag_name": "冠状动脉粥样硬化性心脏病"}
EMPTY_PARTS = {"fulamt_ownpay_amt": "0", "overlmt_selfpay": "0", "preselfpay_amt": "0", "inscp_scp_amt": "0"}


def fee(number: int, code: str, price: str, quantity: str = "1", **differs: Any) -> dict[str, Any]:
    """One line of fees, amount rounded half up as a cashier would."""
    amount = (Decimal(price) * Decimal(quantity)).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")
    return {
        "feedetl_sn": str(number),
        "rx_circ_flag": "0",
        "fee_ocur_time": "2026-11-22 09:00:00",
        "med_list_codg": code,
        "medins_list_codg": f"L-{code}",
        "det_item_fee_sumamt": str(amount),
        "cnt": quantity,
        "pric": price,
        "bilg_dept_codg": "0301",
        "bilg_dept_name": "心血管内科",
        "bilg_dr_codg": "D420500000011",
        "bilg_dr_name": "陈示范",
        "hosp_appr_flag": "0",
    } | differs


@dataclass
class Window:
    """One visit of one citizen at one hospital."""

    hospital: Hospital
    citizen: Insured
    number: str = "MZ0001"
    mdtrt_id: str = ""
    total: Decimal = field(default_factory=Decimal)

    @property
    def who(self) -> dict[str, str]:
        return {"mdtrt_id": self.mdtrt_id, "psn_no": self.citizen.psn_no}

    # out-patients

    def register(self, **differs: Any) -> "Window":
        asked = self.citizen.certificate | {
            "insutype": self.citizen.insutype,
            "begntime": "2026-11-22 08:30:00",
            "psn_type": "11",
            "ipt_otp_no": self.number,
            "atddr_no": "D420500000011",
            "dept_code": "0301",
            "dept_name": "心血管内科",
            "caty": "03",
        }
        self.mdtrt_id = self.hospital.ask("2201", {"data": asked | differs})["data"]["mdtrt_id"]
        return self

    def diagnose(self, med_type: str = "11", **differs: Any) -> "Window":
        visit = self.who | {"med_type": med_type, "begntime": "2026-11-22 08:40:00"}
        visit |= {"dise_codg": "I25.103", "dise_name": "冠心病"} | differs
        found = HEART | DOCTOR | {"diag_time": "2026-11-22 08:45:00", "vali_flag": "1"}
        self.hospital.ask("2203", {"mdtrtinfo": visit, "diseinfo": [found]})
        return self

    def charge(self, *lines: dict[str, Any], batch: str = "B1") -> list[dict[str, Any]]:
        rows = [line | self.who | {"chrg_bchno": batch} for line in lines]
        self.total = sum((Decimal(row["det_item_fee_sumamt"]) for row in rows), Decimal())
        return self.hospital.ask("2204", {"feedetail": rows})["result"]

    def bill(self, batch: str = "B1", **differs: Any) -> dict[str, Any]:
        """The `data` of 2206 and 2207."""
        return self.citizen.certificate | self.who | EMPTY_PARTS | {
            "med_type": "11",
            "medfee_sumamt": str(self.total),
            "psn_setlway": "01",
            "chrg_bchno": batch,
            "insutype": self.citizen.insutype,
            "acct_used_flag": "1",
        } | differs  # fmt: skip

    def quote(self, **differs: Any) -> dict[str, Any]:
        return self.hospital.ask("2206", {"data": self.bill(**differs)})["setlinfo"]

    def settle(self, *, msgid: str | None = None, **differs: Any) -> Exchange:
        return self.hospital.call("2207", {"data": self.bill(**differs)}, msgid=msgid)

    def undo(self, setl_id: str, infno: str = "2208") -> Exchange:
        return self.hospital.call(infno, {"data": self.who | {"setl_id": setl_id}})

    # in-patients

    def admit(self, begun: str = "2026-11-16 10:00:00", med_type: str = "21", **differs: Any) -> "Window":
        stay = {key: value for key, value in self.citizen.certificate.items() if key != "psn_cert_type"} | {
            "insutype": self.citizen.insutype,
            "begntime": begun,
            "cert_type": "01",
            "med_type": med_type,
            "ipt_no": self.number,
            "atddr_no": "D420500000011",
            "chfpdr_name": "陈示范",
            "adm_diag_dscr": "冠心病",
            "adm_dept_codg": "0301",
            "adm_dept_name": "心血管内科",
            "adm_bed": "12",
            "dscg_maindiag_code": "I25.103",
            "dscg_maindiag_name": "冠心病",
            "insuplc_admdvs": "420500",
            "mdtrtarea_admvs": "420500",
        }
        found = HEART | DOCTOR | {"psn_no": self.citizen.psn_no, "maindiag_flag": "1", "diag_time": begun}
        asked = {"mdtrtinfo": stay | differs, "diseinfo": [found]}
        self.mdtrt_id = self.hospital.ask("2401", asked)["result"]["mdtrt_id"]
        return self

    def charge_stay(self, *lines: dict[str, Any]) -> list[dict[str, Any]]:
        rows = [line | self.who | {"med_type": "21"} for line in lines]
        self.total += sum((Decimal(row["det_item_fee_sumamt"]) for row in rows), Decimal())
        return self.hospital.ask("2301", {"feedetail": rows})["result"]

    def discharge(self, ended: str = "2026-11-22 07:00:00") -> "Window":
        leaving = self.who | {
            "insutype": self.citizen.insutype,
            "endtime": ended,
            "dscg_dept_codg": "0301",
            "dscg_dept_name": "心血管内科",
            "dscg_way": "1",
        }
        found = HEART | DOCTOR | self.who | {"maindiag_flag": "1", "diag_time": ended}
        self.hospital.ask("2402", {"dscginfo": leaving, "diseinfo": [found]})
        return self

    def stay_bill(self, **differs: Any) -> dict[str, Any]:
        """The `data` of 2303 and 2304."""
        return self.citizen.certificate | self.who | {
            "psn_type": "11",
            "medfee_sumamt": str(self.total),
            "psn_setlway": "01",
            "insutype": self.citizen.insutype,
            "acct_used_flag": "1",
            "insuplc_admdvs": "420500",
            "mdtrtarea_admvs": "420500",
            "mid_setl_flag": "0",
        } | differs  # fmt: skip

    def quote_stay(self, **differs: Any) -> dict[str, Any]:
        return self.hospital.ask("2303", {"data": self.stay_bill(**differs)})["setlinfo"]

    def settle_stay(self, *, msgid: str | None = None, **differs: Any) -> Exchange:
        return self.hospital.call("2304", {"data": self.stay_bill(**differs)}, msgid=msgid)
