"""What a platform settled, on the person's page and in operations."""

from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario


def test_the_bill_says_who_settled_and_shows_the_platforms_money(visit: Visit, scenario: Scenario) -> None:
    page = Page(visit(scenario.person_id).get(f"/bills/{scenario.upstream_bill_id}").text)
    assert "邻市示例参保区（虚构）" in page.text
    for figure in ("1,060.00", "300.00", "760.00"):
        assert figure in page.text, figure
    assert "平台结算号 P-1" in page.text


def test_where_our_calculation_parts_from_it_is_shown_with_its_cause(visit: Visit, scenario: Scenario) -> None:
    page = Page(visit(scenario.person_id).get(f"/bills/{scenario.upstream_bill_id}").text)
    assert "有几处和平台不同" in page.text
    assert "报销比例或年度限额和我们的不同" in page.text
    for figure in ("400.00", "660.00"):
        assert figure in page.text, "ours"
    assert "neighbour-example-2024" in page.text


def test_a_bill_settled_here_says_nothing_of_platforms(visit: Visit, scenario: Scenario) -> None:
    assert "上级医保平台" not in visit(scenario.person_id).get(f"/bills/{scenario.bill_id}").text


def test_operations_sees_what_platforms_owe_with_its_age_the_oldest_first(visit: Visit, scenario: Scenario) -> None:
    text = visit("operator").get("/ops/platforms").text
    assert text.index("3 小时 10 分") < text.index("47 分钟")
    assert "已冲正，待对账" in text
    assert "ReadTimeout: timed out" in text
    assert "2 笔结算等上级平台确认" in text


def test_others_may_not_see_it(visit: Visit, scenario: Scenario) -> None:
    assert visit("center.clerk").get("/ops/platforms").status_code == 403
