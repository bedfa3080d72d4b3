"""What the application refuses before a page has the call: a page in the house's look, never a program's answer."""

import httpx
import pytest
from sqlalchemy import create_engine
from structlog.testing import capture_logs

from adapters import door
from adapters.app import create_app
from adapters.settings import Settings
from tests.adapters.asgi import InProcess

LIMIT_BYTES = 1000


@pytest.fixture(scope="module")
def client() -> httpx.Client:
    """The whole application over no database: nothing here comes as far."""
    door.use_engine(create_engine("postgresql+psycopg://127.0.0.1:1/none"), Settings(body_limit_bytes=LIMIT_BYTES))
    app = create_app()

    def broken() -> None:
        raise ValueError("张示例 420500")

    for path in ("/broken", "/desk/broken", "/api/broken"):
        app.add_api_route(path, broken)
    return httpx.Client(transport=InProcess(app), base_url="http://onecard.test")


def is_page_of_the_house(answer: httpx.Response) -> bool:
    styled = "components" in answer.text and "tokens" in answer.text and "Content-Security-Policy" in answer.headers
    return answer.headers["content-type"].startswith("text/html") and styled and "</html>" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/no-such-page", 404, "没有这一页"),
        ("GET", "/desk/no-such-page", 404, "没有这一页"),
        ("GET", "/apiary", 404, "没有这一页"),
        ("PUT", "/book", 405, "这一页不能直接打开"),
        ("GET", "/sign-out", 405, "这一页不能直接打开"),
        ("POST", "/sign-in", 413, "提交的内容太大了"),
        ("POST", "/desk/refer", 413, "提交的内容太大了"),
        ("GET", "/broken", 500, "这一页打不开"),
        ("GET", "/desk/broken", 500, "这一页打不开"),
    ],
)
def test_a_refusal_at_an_address_of_people_is_a_page(
    client: httpx.Client, method: str, path: str, status: int, sentence: str
) -> None:
    answer = client.request(method, path, content=b"x" * (LIMIT_BYTES + 1) if status == 413 else b"")
    assert answer.status_code == status
    assert is_page_of_the_house(answer)
    assert sentence in answer.text
    assert "张示例" not in answer.text


def test_it_speaks_english_to_who_chose_it_and_stands_in_its_faces_frame(client: httpx.Client) -> None:
    english = client.get("/ops/none", headers={"Cookie": "onecard_language=en"})
    assert "There is no such page" in english.text
    assert 'href="/ops"' in english.text
    assert 'href="/bureau"' in client.get("/bureau/none").text
    assert 'class="desk"' not in client.get("/none").text


@pytest.mark.parametrize("path", ["/api/none", "/openapi.json/none", "/health/none", "/static/none/none.css/"])
def test_a_refusal_at_an_address_of_programs_is_a_program_s_answer(client: httpx.Client, path: str) -> None:
    answer = client.delete(path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in ("not-found", "method")


def test_who_asks_for_json_gets_it_at_a_page_too(client: httpx.Client) -> None:
    answer = client.get("/none", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_a_bug_is_told_by_a_number_that_the_log_has(client: httpx.Client) -> None:
    with capture_logs() as lines:
        page, program = client.get("/broken"), client.get("/api/broken")
    references = [line["reference"] for line in lines if line["event"] == "bug"]
    assert references[0] in page.text
    assert program.json()["reference"] == references[1]


def test_what_no_route_has_is_one_line_in_the_log_like_every_call(client: httpx.Client) -> None:
    with capture_logs() as lines:
        client.get("/no-such-page?name=张示例")
        client.post("/sign-in", content=b"x" * (LIMIT_BYTES + 1))
    calls = [{name: line[name] for name in ("door", "verb", "outcome")} for line in lines if line["event"] == "call"]
    assert calls == [
        {"door": "http", "verb": "unrouted", "outcome": "not-found"},
        {"door": "http", "verb": "unrouted", "outcome": "too-large"},
    ]
    assert "张示例" not in str(lines)
