"""`onecard adjudicate BILL.json...`: the pure adjudication of bills in files, one line of JSON each."""

import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, TextIO

from hub import coverage
from hub.faults import Fault


def adjudicate(paths: Sequence[str | Path], out: TextIO = sys.stdout, packs: Path | None = None) -> int:
    """Prints the explanation of each bill, or its refusal; the answer is the exit code, 1 if any was refused.

    Packs are read from a folder of TOML files, the shipped ones unless another is named.
    """
    known = shipped_packs(packs)
    refused = 0
    for path in paths:
        try:
            answer = explain(Path(path).read_bytes(), known)
        except Fault as fault:
            refused = 1
            answer = {"bill": str(path), "refused": fault.code, **_plain(fault)}
        print(json.dumps(answer, ensure_ascii=False), file=out)
    return refused


def explain(text: bytes, packs: dict[str, coverage.Pack]) -> dict[str, Any]:
    """The explanation of a bill's JSON. Refuses: BillWrong, naming the element."""
    try:
        content = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise coverage.BillWrong(element="JSON", found=str(error), allowed="well-formed JSON") from None
    if not isinstance(content, dict):
        raise coverage.BillWrong(element="JSON", found=type(content).__name__, allowed="an object")
    pack_id, bill, standing = coverage.bill_of(content)
    if pack_id not in packs:
        raise coverage.BillWrong(element="pack", found=pack_id, allowed=", ".join(sorted(packs)))
    return coverage.document(coverage.adjudicate(bill, packs[pack_id], standing))


def shipped_packs(folder: Path | None = None) -> dict[str, coverage.Pack]:
    """The benefit packs in a folder, by id."""
    place = folder or files("fixtures") / "packs"
    texts = [file.read_text(encoding="utf-8") for file in place.iterdir() if file.name.endswith(".toml")]
    packs = [coverage.read_pack(text) for text in texts]
    for pack in packs:
        coverage.check_pack(pack)
    return {pack.id: pack for pack in packs}


def _plain(fault: Fault) -> dict[str, str]:
    facts = {name: str(value) for name, value in fault.facts.items()}
    return {**facts, "zh": fault.sentence("zh"), "en": fault.sentence("en")}
