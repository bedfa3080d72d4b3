"""The character sets of MSH-18 (HL7 table 0211, and the spellings met in the field) as Python codecs.

The text is decoded before it is split: the second bytes of GB18030 and Big5 include `\\`, `^`, `|` and `~`.
"""

import re
from typing import NamedTuple

CHANNEL_DEFAULT = "gb18030"

_CODECS = {
    "ASCII": "ascii",
    "USASCII": "ascii",
    **{f"8859{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    "GB231280": "gb18030",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "BIG5": "big5",
    "ISOIR87": "iso2022_jp_2",
    "KSX1001": "euc_kr",
}
_CHINESE = re.compile("[\u2e80-\U0003ffff]")


class Decoded(NamedTuple):
    text: str
    codec: str
    trouble: str  # "" or what was wrong with MSH-18: misdeclared, unsupported, undecodable


def codec(name: str) -> str | None:
    """The Python codec of an MSH-18 name, None when this door does not read it (UTF-16 for one)."""
    return _CODECS.get(re.sub(r"[^A-Z0-9]", "", name.upper()))


def name(codec: str) -> str:
    """The name of table 0211 under which we send what we encode."""
    return {"gb18030": "GB 18030-2000", "big5": "BIG-5", "ascii": "ASCII"}.get(codec, _name_of(codec))


def decode(raw: bytes, declared: str, default: str = CHANNEL_DEFAULT) -> Decoded:
    """Strictly as declared, else UTF-8, else the default of the channel; the trouble says that the sender was wrong.

    Nothing declared means ASCII by the standard; hospitals leave it out and send UTF-8 or GB18030, so
    that is no trouble. UTF-8 that spells Chinese is believed against any declaration: the same bytes
    are also valid GB18030 and Latin, and would be stored as a wrong name.
    """
    named = codec(declared) if declared else None
    if raw.isascii() and named != "iso2022_jp_2":
        return Decoded(raw.decode("ascii"), named or "utf-8", "unsupported" if declared and named is None else "")
    trouble = "" if not declared else "misdeclared" if named else "unsupported"
    utf8 = _strictly(raw, "utf-8")
    if utf8 is not None and (named == "utf-8" or _CHINESE.search(utf8)):
        return Decoded(utf8, "utf-8", "" if named == "utf-8" else trouble)
    if named and (text := _strictly(raw, named)) is not None:
        return Decoded(text, named, "")
    if (text := _strictly(raw, default)) is not None:
        return Decoded(text, default, trouble)
    if utf8 is not None:
        return Decoded(utf8, "utf-8", trouble)
    return Decoded(raw.decode(default, "replace"), default, "undecodable")


def _name_of(codec: str) -> str:
    return codec.replace("iso8859-", "8859/") if codec.startswith("iso8859") else "UNICODE UTF-8"


def _strictly(raw: bytes, name: str) -> str | None:
    try:
        return raw.decode(name)
    except UnicodeDecodeError:
        return None
