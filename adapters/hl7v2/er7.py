r"""Messages in the vertical-bar encoding (ER7, HL7 2.5.1 chapter 2), read lazily and written back.

    message = read(raw)                     bytes in; raises Unreadable only where there is no usable MSH
    message["PID"].text(5, 2)               unescaped; "" where absent, so chains never fail
    message["PID"].is_null(11)              the explicit null `""`, which asks to delete
    write([("MSH", {9: ("ADT", "A28")}), ("PID", {3: [("A1", "", "", "H1")]})])

Nothing is lost: Z segments, unknown escapes and unterminated ones are kept as text.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from adapters.hl7v2 import charsets

HEADERS = ("MSH", "FHS", "BHS")


class Unreadable(ValueError):
    """There is no MSH from which a message could be read; the text says why."""


class Raw(str):
    """Text that the writer copies as it is, delimiters and escapes included."""

    __slots__ = ()


NULL = Raw('""')

# A tuple is components (inside a component: subcomponents), a list is repetitions.
Value: TypeAlias = "str | int | tuple[Value, ...] | list[Value] | None"
Fields: TypeAlias = dict[int, Value]
Line: TypeAlias = tuple[str, Fields]


class Delimiters(NamedTuple):
    """MSH-1 and MSH-2. An encoding character that the sender left out is "" and splits nothing."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @property
    def encoding_characters(self) -> str:
        return "".join(self[1:])

    def filled(self) -> "Delimiters":
        """The same with every missing one but the truncation character chosen, so that one can write with them."""
        spare = [c for c in "^~\\&#$%@!*" if c not in self]
        own = [character or spare.pop(0) for character in self[:5]]
        return Delimiters(own[0], own[1], own[2], own[3], own[4], self.truncation)


STANDARD = Delimiters()


class Segment:
    """One segment. Fields, components, subcomponents and repetitions count from 1, as the standard does."""

    __slots__ = ("_codec", "_delimiters", "_fields", "line", "name")

    def __init__(self, line: str, delimiters: Delimiters, codec: str) -> None:
        self.line, self.name = line, line[:3]
        self._delimiters, self._codec = delimiters, codec
        self._fields: list[str] | None = None

    def __bool__(self) -> bool:
        return bool(self.line)

    def __repr__(self) -> str:
        return f"Segment({self.name!r})"

    @property
    def fields(self) -> list[str]:
        """The fields as they came, the name first; in a header 1 is the separator itself."""
        if self._fields is None:
            self._fields = self.line.split(self._delimiters.field)
            if self.name in HEADERS:
                self._fields.insert(1, self._delimiters.field)
        return self._fields

    def field(self, number: int) -> str:
        """A field as it came, escapes and repetitions included; "" where absent."""
        fields = self.fields
        return fields[number] if number < len(fields) else ""

    def width(self, number: int) -> int:
        """At most so many components stand in any repetition of a field."""
        mark = self._delimiters.component
        return self.field(number).count(mark) + 1 if mark else 1

    def is_null(self, number: int) -> bool:
        """True for the explicit null, which asks to delete what is stored; an empty field asks for nothing."""
        return self.field(number) == NULL

    def text(self, number: int, component: int = 1, subcomponent: int = 1, repetition: int = 1) -> str:
        """One leaf, unescaped; "" where absent or null."""
        raw = self.field(number)
        if not raw:
            return ""
        if self.name in HEADERS and number <= 2:
            return raw
        raw = _part(raw, self._delimiters.repetition, repetition)
        return _leaf(_part(raw, self._delimiters.component, component), self, subcomponent)

    def whole(self, number: int) -> str:
        """A whole field as text, for ST, TX and FT whose senders forget to escape; "" where absent or null."""
        raw = self.field(number)
        return "" if raw == NULL else self.unescape(raw)

    def repetitions(self, number: int) -> list["Repetition"]:
        """The repetitions of a field; none where it is absent or null."""
        raw, split = self.field(number), self._delimiters.repetition
        if not raw or raw == NULL:
            return []
        return [Repetition(part, self) for part in (raw.split(split) if split else [raw])]

    def unescape(self, text: str) -> str:
        escape = self._delimiters.escape
        return _unescaper(self._delimiters, self._codec)(text) if escape and escape in text else text


class Repetition:
    """One repetition of a field."""

    __slots__ = ("_segment", "components", "raw")

    def __init__(self, raw: str, segment: Segment) -> None:
        self.raw, self._segment = raw, segment
        mark = segment._delimiters.component
        self.components = raw.split(mark) if mark else [raw]

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """One leaf, unescaped; "" where absent or null."""
        if component > len(self.components):
            return ""
        return _leaf(self.components[component - 1], self._segment, subcomponent)


_ABSENT = Segment("", STANDARD, "utf-8")


def storable(text: str) -> str:
    """The text as a database can hold it: U+0000 is the one character that it cannot."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


class Message:
    """One message: what came (`raw`), as text, and its segments."""

    __slots__ = ("charset_trouble", "codec", "delimiters", "raw", "segments", "text")

    def __init__(self, raw: bytes, text: charsets.Decoded, delimiters: Delimiters) -> None:
        self.raw, self.delimiters = raw, delimiters
        self.text, self.codec, self.charset_trouble = text
        self.segments = [Segment(line, delimiters, self.codec) for line in _lines(self.text)]

    def __getitem__(self, name: str) -> Segment:
        """The first segment of that name; an empty one where there is none."""
        return next((segment for segment in self.segments if segment.name == name), _ABSENT)

    def every(self, name: str) -> list[Segment]:
        return [segment for segment in self.segments if segment.name == name]

    def groups(self, first: str, *, until: Iterable[str] = ()) -> Iterator[list[Segment]]:
        """Runs of segments that begin with `first`: each ends before the next one, or before one of `until`."""
        run: list[Segment] = []
        for segment in self.segments:
            if segment.name == first or segment.name in until:
                if run:
                    yield run
                run = [segment] if segment.name == first else []
            elif run:
                run.append(segment)
        if run:
            yield run

    def text_of(self, name: str, number: int, component: int = 1, subcomponent: int = 1) -> str:
        return self[name].text(number, component, subcomponent)

    @property
    def header(self) -> Segment:
        return self.segments[0]

    @property
    def code(self) -> str:
        return self.header.text(9, 1)

    @property
    def event(self) -> str:
        return self.header.text(9, 2)

    @property
    def control_id(self) -> str:
        return self.header.text(10)

    @property
    def version(self) -> str:
        return self.header.text(12)

    def content_hash(self) -> bytes:
        """SHA-256 of the content with MSH-7 blanked: a resend with a fresh time is still the same message."""
        header = list(self.header.fields)
        if len(header) > 7:
            header[7] = ""
        rest = self.text[self.text.index(self.header.line) + len(self.header.line) :]
        return hashlib.sha256(("|".join(header) + rest).encode("utf-8", "surrogatepass")).digest()


def read(raw: bytes, *, default_charset: str = charsets.CHANNEL_DEFAULT) -> Message:
    """A message from its bytes. Raises Unreadable where there is no MSH, and nothing else for any bytes."""
    body = _body(raw)
    if not body.startswith(b"MSH"):
        raise Unreadable(_why_not(body))
    line = body[: _end_of_line(body)]
    if len(line) < 5 or not 0x20 < line[3] < 0x7F or chr(line[3]).isalnum():
        raise Unreadable("MSH-1 is no field separator")
    separator = line[3:4]
    encoding = line[4:].split(separator, 1)[0]
    if not encoding.isascii():
        raise Unreadable("MSH-2 holds other than ASCII characters")
    delimiters = _delimiters(separator.decode(), encoding.decode())
    return Message(raw, charsets.decode(body, _declared_charset(line, delimiters), default_charset), delimiters)


def batch(raw: bytes) -> list[bytes] | None:
    """The messages of a batch or a file of batches (FHS, BHS), in order; None for what is none.

    Raises Unreadable where BTS-1 counts other than came, so that half a file is never taken for the whole.
    """
    body = _body(raw)
    if not body.startswith((b"FHS", b"BHS")):
        return None
    mark, separator = (b"\r" if b"\r" in body else b"\n"), body[3:4]
    messages: list[list[bytes]] = []
    before = 0
    for line in body.split(mark):
        bare = line.lstrip(b"\n")
        if bare.startswith(b"MSH"):
            messages.append([bare])
        elif bare.startswith(b"BTS"):
            counted = bare.split(separator)[1:2]
            if counted and counted[0].strip() and counted[0].strip() != b"%d" % (len(messages) - before):
                raise Unreadable(f"BTS-1 counts {counted[0].decode('ascii', 'replace')}, {len(messages) - before} came")
            before = len(messages)
        elif messages and not bare.startswith((b"FHS", b"BHS", b"FTS")):
            messages[-1].append(line)
    if not messages:
        raise Unreadable("a batch without a message")
    return [mark.join(lines) + mark for lines in messages]


def write(lines: Iterable[Line], *, delimiters: Delimiters = STANDARD, codec: str = "utf-8") -> bytes:
    """Segments as bytes, each ended by CR. MSH-1 and MSH-2 come from `delimiters`; trailing empty fields are cut."""
    out: list[str] = []
    for name, fields in lines:
        last = max((number for number, value in fields.items() if value not in (None, "", [], ())), default=0)
        start = 1
        parts = [name]
        if name in HEADERS:
            parts, start = [name, delimiters.encoding_characters], 3
        parts += [_field(fields.get(number), delimiters, codec) for number in range(start, last + 1)]
        out.append(delimiters.field.join(parts))
    return "".join(line + "\r" for line in out).encode(codec, "replace")


def _body(raw: bytes) -> bytes:
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t \x0b")


def _lines(text: str) -> Iterator[str]:
    """CR ends a segment; LF only where there is no CR at all, because a bare LF among CRs is data."""
    mark = "\r" if "\r" in text else "\n"
    for line in text.split(mark):
        bare = line.lstrip("\n")
        if bare and not bare.isspace():
            yield bare.removesuffix("\n") if mark == "\r" else bare


def _end_of_line(body: bytes) -> int:
    end = body.find(b"\r")
    end = body.find(b"\n") if end < 0 else end
    return len(body) if end < 0 else end


def _why_not(body: bytes) -> str:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or body[:6] in (b"M\0S\0H\0", b"\0M\0S\0H"):
        return "UTF-16 is not read here; send GB18030 or UTF-8"
    return "the first segment is not MSH"


@lru_cache(maxsize=256)
def _delimiters(separator: str, encoding: str) -> Delimiters:
    if len(encoding) == 5 and encoding[2] == encoding[3]:  # `^~\\&`: an escape character escaped by mistake
        encoding = encoding[:3] + encoding[4]
    own = dict.fromkeys(c for c in encoding if c != separator)
    return Delimiters(separator, *(list(own)[:5] + [""] * 5)[:5])


def _declared_charset(line: bytes, delimiters: Delimiters) -> str:
    """MSH-18, first repetition. Names in the header may be Chinese, and bytes of them may look like separators."""
    for codec in ("ascii",) if line.isascii() else ("utf-8", "gb18030", "big5", "latin-1"):
        try:
            fields = line.decode(codec).split(delimiters.field)
        except UnicodeDecodeError:
            continue
        declared = _part(fields[17], delimiters.repetition, 1).strip() if len(fields) > 17 else ""
        if delimiters.escape and delimiters.escape in declared:
            declared = _unescaper(delimiters, "ascii")(declared)
        if codec == "latin-1" or codec == "ascii" or charsets.codec(declared) == codec:
            return declared
    return ""


def _part(raw: str, split: str, number: int) -> str:
    if not split or split not in raw:
        return raw if number == 1 else ""
    parts = raw.split(split)
    return parts[number - 1] if number <= len(parts) else ""


def _leaf(component: str, segment: Segment, subcomponent: int) -> str:
    raw = _part(component, segment._delimiters.subcomponent, subcomponent)
    return "" if raw == NULL else segment.unescape(raw)


@lru_cache(maxsize=256)
def _unescaper(delimiters: Delimiters, codec: str) -> Callable[[str], str]:
    escape = re.escape(delimiters.escape)
    known = {
        "F": delimiters.field,
        "S": delimiters.component,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "T": delimiters.subcomponent,
        "P": delimiters.truncation,
        ".br": "\n",
        ".sp": "\n",
        "H": "",
        "N": "",
    }

    def meaning(found: re.Match[str]) -> str:
        inner = found[1]
        if inner in known:
            return known[inner]
        if inner[:1] == "X" and len(inner) > 1:
            try:
                return bytes.fromhex(inner[1:]).decode(codec)
            except ValueError:
                return found[0]
        return found[0]

    pattern = re.compile(f"{escape}([^{escape}]*){escape}")
    return lambda text: pattern.sub(meaning, text)


@lru_cache(maxsize=256)
def _escapes(delimiters: Delimiters) -> dict[int, str]:
    escape = delimiters.escape
    table = {number: f"{escape}X{number:02X}{escape}" for number in [*range(0x20), 0x7F]}
    table[ord("\n")] = f"{escape}.br{escape}"
    for character, letter in zip(delimiters, "FSRETP", strict=True):
        if character:
            table[ord(character)] = f"{escape}{letter}{escape}"
    return table


def _field(value: Value, delimiters: Delimiters, codec: str) -> str:
    if isinstance(value, list):
        return delimiters.repetition.join(_field(part, delimiters, codec) for part in value)
    if isinstance(value, tuple):
        return _joined([_component(part, delimiters) for part in value], delimiters.component)
    return _text(value, delimiters)


def _component(value: Value, delimiters: Delimiters) -> str:
    if isinstance(value, tuple):
        return _joined([_text(part, delimiters) for part in value], delimiters.subcomponent)
    return _text(value, delimiters)


def _joined(parts: list[str], mark: str) -> str:
    while parts and not parts[-1]:
        parts.pop()
    return mark.join(parts)


def _text(value: Value, delimiters: Delimiters) -> str:
    if value is None:
        return ""
    if isinstance(value, Raw):
        return value
    text = str(value)
    if text == NULL:  # two quotation marks that are meant as text
        return f"{delimiters.escape}X2222{delimiters.escape}"
    return text.translate(_escapes(delimiters))
