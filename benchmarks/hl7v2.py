"""hl7v2-door: ADT^A04 over MLLP, each a new visit of somebody known: stored, worked on, answered, acknowledged."""

import itertools
import os
from collections.abc import Iterator
from datetime import datetime

from benchmarks.population import HOSPITAL, Somebody
from hub.units import CHINA


def messages(everybody: list[Somebody], count: int, *, at: datetime) -> Iterator[bytes]:
    """`count` framed messages, no two with the same MSH-10 or visit number."""
    run, now = os.urandom(4).hex().upper(), at.astimezone(CHINA).strftime("%Y%m%d%H%M%S%z")
    made = [_message(somebody, f"{run}{number:08d}", now) for number, somebody in _first(everybody, count)]
    return iter(made)


def _first(everybody: list[Somebody], count: int) -> Iterator[tuple[int, Somebody]]:
    return enumerate(itertools.islice(itertools.cycle(everybody), count))


def _message(somebody: Somebody, number: str, now: str) -> bytes:
    name = f"基准{somebody.number[1:]}^^^^^^L^I"
    address = "宜昌市西陵区示例大道 1 号^^宜昌^湖北^443000^CHN"
    gender = "M" if int(somebody.certno[16]) % 2 else "F"
    segments = (
        f"MSH|^~\\&|HIS|{HOSPITAL}|ONECARD|420500|{now}||ADT^A04^ADT_A01|{number}|P|2.5.1||||||UNICODE UTF-8",
        f"EVN|A04|{now}",
        f"PID|1||{somebody.number}^^^{HOSPITAL}^MR~{somebody.certno}^^^PRC^NI||{name}||"
        f"{somebody.certno[6:14]}|{gender}|||{address}||1541{somebody.number[2:]}",
        f"PV1|1|O|{HOSPITAL}-0301||||||||||||||||V{number}|||||||||||||||||||||||||{now}",
    )
    return b"\x0b" + "".join(f"{segment}\r" for segment in segments).encode() + b"\x1c\r"
