"""`onecard adjudicate`: one line of JSON a bill, refusals named, the exit code tells."""

import io
import json

from adapters.adjudicate import adjudicate
from tests.hub.coverage.bills import EXAMPLES, a_bill


def printed(*paths) -> tuple[int, list[dict]]:
    out = io.StringIO()
    code = adjudicate(paths, out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def test_each_bill_prints_one_line_with_totals_and_every_lines_steps(tmp_path):
    paths = []
    for i, example in enumerate(EXAMPLES["examples"]):
        paths.append(tmp_path / f"{i}.json")
        paths[-1].write_text(json.dumps(a_bill(**example["differs"])))
    code, lines = printed(*paths)
    assert code == 0
    for line, example in zip(lines, EXAMPLES["examples"], strict=True):
        assert {name: line[name] for name in example["gives"]} == example["gives"]
        assert [steps["id"] for steps in line["lines"]] == [row["id"] for row in example["differs"]["lines"]]
        assert all(step["rule"].endswith("@yichang-example-2024") for row in line["lines"] for step in row["steps"])


def test_a_refused_bill_is_named_and_the_others_still_print(tmp_path):
    good, bad, rubbish = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "rubbish.json"
    good.write_text(json.dumps(a_bill()))
    bad.write_text(json.dumps(a_bill(pack="nowhere-1999")))
    rubbish.write_bytes(b"\xff{")
    code, lines = printed(bad, good, rubbish)
    assert code == 1
    assert lines[0]["element"] == "pack"
    assert lines[1]["total"] == "100.00"
    assert lines[2]["element"] == "JSON"
