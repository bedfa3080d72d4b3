"""What is typed into a form arrives as it was typed."""

import pytest

from adapters.web.forms import Form


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("张\u3000示例", "张\u3000示例"),
        ("12\u00a0mm", "12\u00a0mm"),
        ("one\ntwo\tthree", "one\ntwo\tthree"),
        ("a\x00b\x1bc\u2028d", "abcd"),
        ("\u3000 trimmed \u3000", "trimmed"),
    ],
)
def test_spaces_of_every_script_stay_and_control_characters_go(typed: str, read: str) -> None:
    assert Form({"reason": typed}).text("reason") == read
