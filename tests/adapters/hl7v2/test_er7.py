import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hl7v2 import er7
from adapters.hl7v2.er7 import NULL, Delimiters, Unreadable, read, write

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
MESSAGE = (
    "MSH|^~\\&|HIS|H42058200301|ONECARD|420500|20261122090000||ADT^A28^ADT_A05|M1|P|2.5.1||||||{charset}\r"
    'PID|1||A100^^^H42058200301^MR~420500199001011234^^^GB^NI||张^三||19900101|M|||""||13800000000\r'
    "ZPI|a|b^c&d\r"
)


def message(text: str = MESSAGE, *, charset: str = "UNICODE UTF-8", codec: str = "utf-8") -> er7.Message:
    return read(text.replace("{charset}", charset).encode(codec))


def test_leaves_are_found_by_field_component_subcomponent_and_repetition() -> None:
    pid = message()["PID"]
    assert (pid.text(5), pid.text(5, 2)) == ("张", "三")
    assert pid.text(3, 5, repetition=2) == "NI"
    assert [number.text(1) for number in pid.repetitions(3)] == ["A100", "420500199001011234"]
    assert message()["ZPI"].text(2, 2, 2) == "d"


def test_what_is_absent_is_empty_text_at_every_level() -> None:
    assert message()["PV1"].text(19, 4, 2) == ""
    assert message()["PID"].text(99) == ""
    assert message()["PID"].text(5, 9) == ""
    assert not message()["PV1"]


def test_an_explicit_null_is_not_the_same_as_an_empty_field() -> None:
    pid = message()["PID"]
    assert pid.is_null(11)
    assert pid.text(11) == ""
    assert not pid.is_null(10)


@pytest.mark.parametrize(
    ("charset", "codec", "trouble"),
    [
        ("GB 18030-2000", "gb18030", ""),
        ("GBK", "gb18030", ""),
        ("UNICODE UTF-8", "utf-8", ""),
        ("BIG-5", "big5", ""),
        ("", "utf-8", ""),
        ("", "gb18030", ""),
        ("ASCII", "utf-8", "misdeclared"),
        ("ASCII", "gb18030", "misdeclared"),
        ("8859/1", "utf-8", "misdeclared"),
        ("UNICODE UTF-8", "gb18030", "misdeclared"),
        ("GB 18030-2000", "utf-8", "misdeclared"),
        ("UNICODE UTF-16", "utf-8", "unsupported"),
    ],
)
def test_text_is_decoded_before_it_is_split_and_a_wrong_declaration_is_seen(
    charset: str, codec: str, trouble: str
) -> None:
    # The second bytes of these characters are | ^ \ ~ in GB18030 or Big5.
    text = MESSAGE.replace("张^三", "許^功蓋" if codec == "big5" else "張^珅亅亊")
    found = message(text, charset=charset, codec=codec)
    assert found.charset_trouble == trouble
    assert found["PID"].text(5, 2) == ("功蓋" if codec == "big5" else "珅亅亊")
    assert found["PID"].text(8) == "M"


def test_a_chinese_sender_name_does_not_hide_msh_18() -> None:
    text = MESSAGE.replace("|HIS|", "|乥亅亊|").replace("{charset}", "GB18030")
    found = read(text.encode("gb18030"))
    assert found.header.text(3) == "乥亅亊"
    assert found.header.text(18) == "GB18030"


def test_bytes_that_are_no_text_are_marked_and_still_read() -> None:
    raw = MESSAGE.replace("{charset}", "UNICODE UTF-8").encode().replace("张".encode(), b"\xff\xff\x80")
    found = read(raw)
    assert found.charset_trouble == "undecodable"
    assert found.control_id == "M1"


@pytest.mark.parametrize("terminator", ["\r", "\n", "\r\n"])
def test_segments_end_with_cr_lf_or_both(terminator: str) -> None:
    found = message(MESSAGE.replace("\r", terminator))
    assert [segment.name for segment in found.segments] == ["MSH", "PID", "ZPI"]
    assert found["ZPI"].text(2, 2, 1) == "c"


def test_a_bare_lf_among_crs_is_data() -> None:
    found = message(MESSAGE.replace("ZPI|a", "ZPI|a\nb"))
    assert found["ZPI"].text(1) == "a\nb"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a\\F\\b\\S\\c\\R\\d\\T\\e\\E\\f", "a|b^c~d&e\\f"),
        ("line\\.br\\line", "line\nline"),
        ("\\XE4BDA0\\", "你"),
        ("\\X0D\\", "\r"),
        ("\\XE4\\", "\\XE4\\"),
        ("\\Zfoo\\", "\\Zfoo\\"),
        ("\\H\\loud\\N\\", "loud"),
        ("C:\\temp", "C:\\temp"),
        ("ends with \\", "ends with \\"),
    ],
)
def test_escapes_are_undone_and_unknown_ones_kept_as_text(written: str, meant: str) -> None:
    assert message(MESSAGE.replace("ZPI|a", "ZPI|" + written))["ZPI"].text(1) == meant


def test_other_encoding_characters_are_taken_from_msh() -> None:
    text = "MSH$%*!@$HIS$$$$20261122$$ADT%A28$M1$P$2.5.1\rPID$1$$A@x%b*c$$Li^&|~%Si!S!\r"
    pid = read(text.encode())["PID"]
    assert pid.text(3, 1, 2) == "x"
    assert pid.text(3, repetition=2) == "c"
    assert (pid.text(5), pid.text(5, 2)) == ("Li^&|~", "Si%")


def test_an_encoding_character_left_out_splits_nothing() -> None:
    assert read(b"MSH|^|HIS\rPID|1||A&B~C^D\\F\\\r")["PID"].text(3) == "A&B~C"


def test_a_doubled_escape_in_msh_2_is_one() -> None:
    assert read(b"MSH|^~\\\\&|HIS\rPID|1||A&B\r")["PID"].text(3, 1, 2) == "B"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"GET / HTTP/1.1\r\n",
        b"PID|1",
        b"MSH",
        b"MSH|",
        b"MSHA^~",
        "MSH|^".encode("utf-16"),
        b"FHS|^~\\&|",
        b"MSH|\xe4",
    ],
)
def test_what_has_no_usable_msh_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read(raw)


def test_the_hash_of_a_resend_with_a_fresh_time_is_the_same() -> None:
    again = MESSAGE.replace("|20261122090000|", "|20261122090500|")
    other = MESSAGE.replace("A100", "A101")
    assert message().content_hash() == message(again).content_hash()
    assert message().content_hash() != message(other).content_hash()


def test_runs_of_segments_are_grouped_by_their_first() -> None:
    found = read(b"MSH|^~\\&\rPID|1\rOBR|1\rOBX|1\rOBX|2\rOBR|2\rOBX|3\rZZZ|1\r")
    groups = [[segment.name + segment.text(1) for segment in group] for group in found.groups("OBR", until=["ZZZ"])]
    assert groups == [["OBR1", "OBX1", "OBX2"], ["OBR2", "OBX3"]]


@given(raw=st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise_anything_but_unreadable(raw: bytes) -> None:
    for candidate in (raw, b"MSH|^~\\&|" + raw):
        try:
            found = read(candidate)
        except Unreadable:
            continue
        found.content_hash()
        for segment in found.segments:
            for number in range(len(segment.fields)):
                segment.text(number, 2, 2)
                [part.text(1) for part in segment.repetitions(number)]


DELIMITERS = st.lists(st.sampled_from("|^~\\&#$%@!*+;:?/<>=-_"), min_size=5, max_size=6, unique=True).map(
    lambda characters: Delimiters(*characters)
)


@given(leaf=TEXT, other=TEXT, third=TEXT, delimiters=DELIMITERS, codec=st.sampled_from(["utf-8", "gb18030"]))
def test_what_is_written_is_read_back(leaf: str, other: str, third: str, delimiters: Delimiters, codec: str) -> None:
    charset = {"utf-8": "UNICODE UTF-8", "gb18030": "GB 18030-2000"}[codec]
    fields: er7.Fields = {1: leaf, 2: (leaf, (other, third)), 3: [(other,), (third, leaf)], 5: NULL}
    raw = write([("MSH", {3: leaf, 10: other, 18: charset}), ("ZZZ", fields)], delimiters=delimiters, codec=codec)
    found = read(raw)
    segment = found["ZZZ"]
    assert (found.header.text(3), found.control_id) == (leaf, other)
    assert segment.text(1) == leaf
    assert (segment.text(2, 1), segment.text(2, 2, 1), segment.text(2, 2, 2)) == (leaf, other, third)
    assert (segment.text(3), segment.text(3, 1, 1, 2), segment.text(3, 2, 1, 2)) == (other, third, leaf)
    assert segment.is_null(5)
    assert not {0x0B, 0x1C} & set(raw)
