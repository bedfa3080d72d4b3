"""The catalogues: asked for, fetched by 9102, read page by page; the file is what was asked for, or it says so."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from adapters.nhsa.region import region
from adapters.nhsa.tables import columns, transaction
from fixtures.simulators.nhsa_client import unzipped
from hub.directory import CatalogueItem, DiagnosisItem

YICHANG = region("420500")
ASKED = {"data": {"ver": "0"}}


def fetch(hospital, answer, **differs):
    asked = {"file_qury_no": answer["file_qury_no"], "filename": answer["filename"], "fixmedins_code": "plc"}
    return hospital.call("9102", {"fsDownloadIn": asked | differs})


def rows_of(hospital, infno, asked=ASKED, node=None):
    answer = hospital.ask(infno, asked)
    table = transaction(infno, YICHANG)
    order = columns(node or table.files["catalogue"])
    found = [dict(zip(order, line, strict=True)) for line in unzipped(fetch(hospital, answer).reply)]
    assert len(found) == int(answer["data_cnt"])
    return found


def test_every_catalogue_is_asked_for_and_fetched_with_its_columns_in_order(hospital, engine):
    with Session(engine) as session, session.begin():
        session.add(DiagnosisItem(code="I10", name="原发性高血压", name_en="Essential hypertension"))
    drugs = rows_of(hospital, "1301")
    assert {row["med_list_codg"]: row["natl_hi_druglist_chrgitm_lv"] for row in drugs} == {
        "D-EX-0001": "02",
        "D-RES-01": "02",
    }
    assert {row["med_list_codg"]: row["lmt_used_flag"] for row in drugs} == {"D-EX-0001": "0", "D-RES-01": "1"}
    assert all(row["pinyin"] is None and row["vali_flag"] == "1" for row in drugs)
    assert [row["med_list_codg"] for row in rows_of(hospital, "1305")] == ["S-BED-01", "S-ECHO-01", "S-ESC-01"]
    assert [row["diag_code"] for row in rows_of(hospital, "1307")] == ["I10"]
    assert {row["opsp_dise_code"] for row in rows_of(hospital, "1309")} == {"M03900", "M01600"}
    for infno in ("1302", "1303", "1306", "1308", "1310", "1311"):
        assert rows_of(hospital, infno) == []


def test_who_has_the_newest_version_is_told_that_nothing_is_new(hospital):
    answer = hospital.ask("1301", ASKED)
    version = answer["file_qury_no"].partition("-")[2]
    assert hospital.ask("1301", {"data": {"ver": version}})["data_cnt"] == "0"


def test_a_page_holds_what_was_asked_for_and_the_file_holds_all(hospital):
    asked = {"data": {"updt_time": "2026-01-01 00:00:00", "page_num": "2", "page_size": "2", "list_type": "201"}}
    answer = hospital.ask("1312", asked)
    assert [row["hilist_code"] for row in answer["data"]] == ["S-ESC-01"]
    assert (answer["recordCounts"], answer["pages"], answer["startRow"]) == ("3", "2", "3")
    assert (answer["firstPage"], answer["lastPage"]) == ("false", "true")
    assert len(rows_of(hospital, "1312", asked, transaction("1312", YICHANG).outgoing["data"])) == 5
    named = hospital.ask("1312", {"data": asked["data"] | {"page_num": 1, "list_type": "", "hilist_name": "彩超"}})
    assert [row["hilist_code"] for row in named["data"]] == ["S-ECHO-01"]


def test_no_ethnic_drugs_are_an_empty_page(hospital):
    answer = hospital.ask("1304", {"data": {"updt_time": "2026-01-01", "page_num": "1", "page_size": "50"}})
    assert (answer["data"], answer["recordCounts"], answer["pages"], answer["startRow"]) == ([], "0", "1", "0")


def test_a_page_that_is_none_is_refused_by_its_field(hospital):
    for element in ("page_num", "page_size"):
        asked = {"updt_time": "2026-01-01", "page_num": "1", "page_size": "50"} | {element: "0"}
        assert f"input.data.{element}" in hospital.call("1312", {"data": asked}).message


def test_a_catalogue_that_changed_meanwhile_says_so(hospital, engine):
    answer = hospital.ask("1305", ASKED)
    with Session(engine) as session, session.begin():
        session.execute(update(CatalogueItem).where(CatalogueItem.code == "S-BED-01").values(name="床位费"))
    assert "已有新版本" in fetch(hospital, answer).message
    assert hospital.ask("1305", ASKED)["file_qury_no"] != answer["file_qury_no"]


WRONG = ({"filename": "1302.zip"}, {"file_qury_no": "1399-V0"}, {"file_qury_no": "7"}, {"file_qury_no": "-"})


def test_a_file_that_nobody_offered_is_refused(hospital):
    answer = hospital.ask("1301", ASKED)
    for wrong in WRONG:
        assert "没有查询号为" in fetch(hospital, answer, **wrong).message
