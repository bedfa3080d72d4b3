"""Statement files survive the way there and back, and a broken one is refused by line and item."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.nhsa.files import packed, unpacked
from adapters.nhsa.region import region
from adapters.nhsa.tables import transaction
from fixtures.simulators import nhsa_client
from hub.faults import Invalid, Missing
from hub.units import Money

LINES = transaction("3202", region("420500")).files["lines"]
RESULT = transaction("3202", region("420500")).files["result"]

words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30).filter(
    lambda word: word not in ("null", "0")
)
amounts = st.integers(-(10**12), 10**12).map(Money)
rows = st.fixed_dictionaries(
    {
        "setl_id": words,
        "mdtrt_id": words,
        "psn_no": words,
        "medfee_sumamt": amounts,
        "fund_pay_sumamt": amounts,
        "acct_pay": amounts,
        "refd_setl_flag": st.sampled_from(["0", "1"]),
    }
)


@given(st.lists(rows, min_size=1, max_size=20))
def test_rows_come_back_as_they_went(sent):
    assert unpacked(LINES, packed(LINES, sent, filename="x.txt")) == sent


def test_what_a_simulated_hospital_packs_is_read_and_the_other_way_round():
    archive = nhsa_client.zipped([["1", "2", "3", "10.00", "-5.00", "0", "1"]], filename="x.txt")
    (row,) = unpacked(LINES, archive)
    assert (row["setl_id"], row["fund_pay_sumamt"], row["refd_setl_flag"]) == ("1", Money(-500), "1")
    back = nhsa_client.unzipped(packed(RESULT, [{"psn_no": "3", "medfee_sumamt": Money(1000)}], filename="r.txt"))
    assert back == [["3", None, None, None, None, None, None, "10.00", None, None]]


def test_an_empty_item_is_the_word_null():
    archive = packed(RESULT, [{"psn_no": "3"}], filename="r.txt")
    text = zipfile.ZipFile(io.BytesIO(archive)).read("r.txt").decode()
    assert text == "3" + "\tnull" * 9 + "\n"


@pytest.mark.parametrize(
    ("text", "element"),
    [
        ("1\t2\t3\t1.00\t1.00\t0\n", "第 1 行"),
        ("1\t2\t3\t1.00\t1.00\t0\t0\n1\t2\t3\t1.005\t1.00\t0\t0\n", "第 2 行.medfee_sumamt"),
        ("1\t2\tnull\t1.00\t1.00\t0\t0\n", "第 1 行.psn_no"),
        ("1\t2\t3\t1.00\t1.00\t0\t5\n", "第 1 行.refd_setl_flag"),
    ],
)
def test_a_wrong_line_is_named(text, element):
    with pytest.raises(Invalid) as refused:
        unpacked(LINES, _zip(text.encode()))
    assert refused.value.element == element


@pytest.mark.parametrize("archive", [b"", b"PK", b"not a zip at all"])
def test_what_is_no_archive_is_refused(archive):
    with pytest.raises(Invalid, match="ZIP"):
        unpacked(LINES, archive)


def test_text_in_another_encoding_is_refused():
    with pytest.raises(Invalid, match="UTF-8"):
        unpacked(LINES, _zip("宜昌".encode("gb18030")))


def test_a_file_without_lines_is_refused():
    with pytest.raises(Missing):
        unpacked(LINES, _zip(b"\n"))


def test_two_files_in_one_archive_are_refused():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a.txt", "x")
        zipped.writestr("b.txt", "x")
    with pytest.raises(Invalid, match="2 个文件"):
        unpacked(LINES, archive.getvalue())


def _zip(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("x.txt", content)
    return archive.getvalue()
