"""Bars whose names are long, whose amounts are small, and whose amount is nothing."""

import re

from adapters.web.charts import count_bars, difference_bars

LONG = "玉阳示例社区卫生服务中心"


def test_a_name_longer_than_its_column_stands_above_its_bar() -> None:
    for name, beside in (("示例医院", True), (LONG, False)):
        for drawn in (count_bars([(name, [("c-plus", 3)])], "x"), difference_bars([(name, 300)], "元", "x")):
            bar = re.search(r'<rect class="c-plus" x="([0-9.]+)" y="(\d+)"', drawn)
            text = re.search(rf'<text class="label" x="\d+" y="(\d+)">{name}', drawn)
            assert bar is not None
            assert text is not None
            assert (float(bar[1]) > 100) == beside
            assert (int(text[1]) > int(bar[2])) == beside, "the foot of the letters is inside the bar or above it"


def test_an_axis_of_less_than_a_yuan_says_so() -> None:
    assert re.findall(r'class="mid"[^>]*>([^<]+)<', difference_bars([("示例医院", 27)], "元", "x")) == ["0", "0.5"]


def test_nothing_is_no_bar() -> None:
    assert 'width="0.0"' in difference_bars([("示例医院", 0)], "元", "x")
