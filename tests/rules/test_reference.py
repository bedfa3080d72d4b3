"""The pages of docs/reference/nhsa say what the field tables say."""

from adapters.nhsa import reference
from adapters.nhsa.region import HOME_AREA, region


def test_the_pages_of_the_national_interface_are_those_of_the_tables() -> None:
    found = {path.name: path.read_text(encoding="utf8") for path in reference.FOLDER.glob("*.md")}
    assert found == reference.pages(), "run: make reference"


def test_every_transaction_that_is_served_has_a_page_with_its_fields() -> None:
    pages = reference.pages()
    for infno in region(HOME_AREA).served:
        assert f"[{infno}]({infno}.md)" in pages["README.md"]
        assert pages[f"{infno}.md"].startswith(f"# {infno} ")
        assert "| # | 字段 |" in pages[f"{infno}.md"]
