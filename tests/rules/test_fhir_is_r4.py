"""The top-level modules of fhir.resources are R5 and reject R4 documents; only its R4B package is used."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "adapters").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_adapter_imports_an_r5_model(path: Path) -> None:
    modules = [
        name
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    ]
    r5 = [name for name in modules if name.startswith("fhir.resources.") and not name.startswith("fhir.resources.R4B")]
    assert r5 == []
