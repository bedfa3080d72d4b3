"""docs/reference/nhsa from the field tables: `python -m adapters.nhsa.reference` writes it, a test compares it.

A page a transaction, one of the code lists, one of what a region says, and an index.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from adapters.nhsa.region import HOME_AREA, Region, Term, names, region
from adapters.nhsa.served import READS, VERBS
from adapters.nhsa.tables import Field, Node, Transaction, transaction

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/reference/nhsa"
WIRE = ROOT / "fixtures/wire/nhsa"
SETTLES_ITS_BATCH = """What is paid by whom is fixed as the quote had it: lines, funds and accounts move together,
once for a charge batch or a stay so far. The same batch under another message id is told which settlement stands."""
LONGEST_EXAMPLE = 60
"""Rows of a list shown in an example are cut so that it stays a page."""

CERTAINTY = {
    "SPEC": "字段表依据公开的接口规范 · as published in the interface specification",
    "IMPL": "字段表依据在用系统的实现 · as read in systems that speak it; the specification at hand has no table of it",
}
DIRECTIONS = {"in": "input", "out": "output", "file": "文件 file"}


def pages() -> dict[str, str]:
    """Every page by its file name."""
    spoken = region(HOME_AREA)
    served = sorted(spoken.served)
    made = {f"{infno}.md": _page(transaction(infno, spoken), spoken) for infno in served}
    made["envelope.md"] = _page(transaction("envelope", spoken), spoken)
    made["codes.md"] = "\n".join(_codes(spoken))
    made["README.md"] = "\n".join(_index(spoken, served))
    return made


def _page(table: Transaction, spoken: Region) -> str:
    return "\n".join(_lines(table, spoken)) + "\n"


def _lines(table: Transaction, spoken: Region) -> Iterator[str]:
    infno = table.infno
    yield f"# {infno} {table.zh} · {table.en}"
    yield ""
    yield f"{CERTAINTY[table.certainty]}."
    if table.note:
        yield f"{table.note}"
    if infno in spoken.served:
        yield ""
        yield f"`POST /nhsa/{infno}`, {_kind(infno)}. {_does(infno)}"
    for side, nodes in (("in", table.incoming), ("out", table.outgoing), ("file", table.files)):
        for node in nodes.values():
            yield from _node(side, node)
    if infno in spoken.served and not table.outgoing:
        yield ""
        yield f"没有 output 节点 · no output but {'the file' if infno == '9102' else '`infcode`'}."
    yield from _rules(infno, spoken)
    yield from _examples(infno)


def _does(infno: str) -> str:
    told = VERBS[infno].__doc__ if infno in VERBS else SETTLES_ITS_BATCH
    return " ".join((told or "").split())


def _kind(infno: str) -> str:
    return "只读 reads" if infno in READS else "写入 writes; a repeat of a message gets the answer of its first copy"


def _node(side: str, node: Node) -> Iterator[str]:
    name = "(no node)" if node.name == "_" else f"`{node.name}`"
    yield ""
    yield f"## {DIRECTIONS[side]} {name}{'，多行 many rows' if node.many else ''}"
    yield ""
    yield "| # | 字段 | 含义 | 类型 | 必填 | 代码 |"
    yield "|---|---|---|---|---|---|"
    for number, field in enumerate(node.fields, start=1):
        codes = f"[{field.list}](codes.md#{field.list.lower()})" if field.list else ""
        yield f"| {number} | `{field.code}` | {field.zh} | {_type(field)} | {_required(field)} | {codes} |"


def _type(field: Field) -> str:
    length = "（长度未公布）" if field.type == "C" else ""
    return f"{field.type}{length}{'，可为负' if field.signed else ''}"


def _required(field: Field) -> str:
    if field.required:
        return "**Y**"
    return "；".join(_condition(other, wanted) for other, wanted in field.required_when.items())


def _condition(other: str, wanted: Any) -> str:
    if wanted == "*":
        return f"有 `{other}` 时"
    return f"`{other}` = {'、'.join([wanted] if isinstance(wanted, str) else wanted)} 时"


def _rules(infno: str, spoken: Region) -> Iterator[str]:
    rules = [rule for rule in spoken.identities if infno in rule["in"]]
    if not rules:
        return
    yield ""
    yield "## 金额勾稽 what must add up"
    yield ""
    for rule in rules:
        parts = " + ".join(f"`{part}`" for part in rule["parts"])
        sign = "≥" if rule.get("atmost") else "="
        breach = "refused" if rule["side"] == "in" else "an item of reconciliation"
        yield f"- {rule['zh']}: `{rule['node']}.{rule['sum']}` {sign} {parts}; a breach is {breach}"


def _examples(infno: str) -> Iterator[str]:
    for path in sorted(WIRE.glob(f"{infno}_*.request.json")):
        case = path.name.removesuffix(".request.json")
        asked = json.loads(path.read_text(encoding="utf8"))
        answered = json.loads(path.with_name(f"{case}.reply.json").read_text(encoding="utf8"))
        yield ""
        yield f"## 示例 example: {case.partition('_')[2].replace('-', ' ')}"
        yield ""
        yield from _json(asked.get("input", asked))
        yield ""
        yield from _json(
            {key: answered[key] for key in ("infcode", "err_msg", "output", "code", "message") if key in answered}
        )


def _json(document: Any) -> Iterator[str]:
    yield "```json"
    yield json.dumps(_cut(document), ensure_ascii=False, indent=1)
    yield "```"


def _cut(found: Any) -> Any:
    """Long texts (a file) and long lists are shown by their beginning."""
    if isinstance(found, Mapping):
        return {key: _cut(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_cut(value) for value in found[:3]]
    return f"{found[:LONGEST_EXAMPLE]}…" if isinstance(found, str) and len(found) > LONGEST_EXAMPLE else found


def _codes(spoken: Region) -> Iterator[str]:
    yield "# 代码表 · code lists"
    yield ""
    yield f"{spoken.name} ({spoken.area}). A value is checked on the day of the call."
    for name, (zh, terms) in sorted(spoken.terms.items()):
        yield ""
        yield f"## {name}"
        yield ""
        yield f"{zh}"
        yield ""
        yield "| 值 | 名称 | 有效期 |"
        yield "|---|---|---|"
        for term in terms:
            yield f"| {term.code} | {term.zh} | {_valid(term)} |"
    yield ""


def _valid(term: Term) -> str:
    since = "" if term.valid_from == date.min else f"{term.valid_from} 起"
    until = "" if term.valid_to == date.max else f"至 {term.valid_to}"
    return f"{since}{until}"


def _index(spoken: Region, served: list[str]) -> Iterator[str]:
    yield "# 国家医保接口 · the national insurer interface"
    yield ""
    yield f"As {spoken.name} ({spoken.area}) serves it to hospitals: `POST /nhsa/<交易编号>`,"
    yield f"signing variant ({spoken.signing}), a call at most {spoken.signing_window_minutes} minutes old."
    yield "Written from the tables by `make reference`."
    yield ""
    yield "- [报文 the envelope](envelope.md)"
    yield "- [代码表 code lists](codes.md)"
    yield ""
    yield "| 交易 | 名称 | | 依据 |"
    yield "|---|---|---|---|"
    for infno in served:
        table = transaction(infno, spoken)
        yield f"| [{infno}]({infno}.md) | {table.zh} | {table.en} | {table.certainty} |"
    yield ""
    yield "## 空值 what is empty"
    yield ""
    empty = spoken.empty
    yield f'A number that is empty is written `"{empty.number}"`, everything else `"{empty.text}"`, an item of a file'
    yield f"`{empty.in_file}`. Files are one UTF-8 TXT, TAB between items and a line a row, in a ZIP."
    yield "Both spellings of an area field (`admvs`, `admdvs`) are read."
    yield ""
    yield "## 报文ID message ids"
    yield ""
    yield f"The institution's code and then `{spoken.msgid_rest}`: 30 characters, never the same twice."
    yield "The same id with the same input is answered what its first copy was; with other input it is refused."
    yield ""
    yield "## 未开通 not offered by this region"
    yield ""
    yield "Answered `infcode` -1 with number and name."
    yield ""
    yield from (f"- {infno} {zh}" for infno, zh in sorted(names().items()) if infno not in spoken.served)
    yield ""


def write() -> None:
    """The folder holds these pages and no other."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, page in made.items():
        (FOLDER / name).write_text(page, encoding="utf8")


if __name__ == "__main__":
    write()
