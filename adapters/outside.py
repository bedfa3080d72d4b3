"""What the application refuses before a door has the call, or when a door has failed: in that door's own form.

/fhir ... OperationOutcome      /nhsa ... {"code": 413, "message": ...}      all others: problem+json
What people look at is no machine's: the pages answer there (adapters/web).
"""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import JSONResponse

MACHINES = ("/api", "/fhir", "/nhsa", "/health", "/metrics", "/openapi.json", "/docs", "/static")


class Words(NamedTuple):
    """A refusal of HTTP itself: the code for programs, the IssueType of FHIR, the sentences."""

    code: str
    issue: str
    zh: str
    en: str


WORDS: dict[int, Words] = {
    404: Words("not-found", "not-found", "此地址没有内容。", "There is nothing at this address."),
    405: Words("method", "not-supported", "此地址不支持该方法。", "This address does not take that method."),
    413: Words("too-large", "too-long", "内容超过 10 MB。", "The body exceeds 10 MB."),
    500: Words(
        "internal-error",
        "exception",
        "平台内部错误，未写入任何内容。请凭追踪号联系运维。",
        "The hub failed and nothing was written. Quote the reference to operations.",
    ),
}
OTHER = Words("refused", "processing", "请求未被受理。", "The request was not taken.")


def refusal(path: str, status: int, headers: Mapping[str, str] | None = None, *, reference: str = "") -> JSONResponse:
    """The answer to a call at `path`; `reference` is what operations can look up."""
    words = WORDS.get(status, OTHER)
    form = next((make for prefix, make in _FORMS.items() if _under(path, prefix)), _problem)
    body, media_type = form(words, status, reference)
    return JSONResponse(body, status, headers, media_type=media_type)


def is_machine(path: str) -> bool:
    """Whether a program asks here: what is not listed is a page."""
    return any(_under(path, prefix) for prefix in MACHINES)


def code_of(status: int) -> str:
    return WORDS.get(status, OTHER).code


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")


def _problem(words: Words, status: int, reference: str) -> tuple[dict[str, object], str]:
    said = {"type": f"urn:onecard:problem:{words.code}", "title": words.en.rstrip("."), "status": status}
    said |= {"detail": words.zh, "detail_en": words.en, "code": words.code}
    return said | ({"reference": reference} if reference else {}), "application/problem+json"


def _outcome(words: Words, status: int, reference: str) -> tuple[dict[str, object], str]:
    details = {"coding": [{"system": "urn:onecard:fault", "code": words.code}], "text": words.zh}
    diagnostics = f"{words.en} {reference}".strip()
    issue = {"severity": "error", "code": words.issue, "details": details, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}, "application/fhir+json"


def _gateway(words: Words, status: int, reference: str) -> tuple[dict[str, object], str]:
    return {"code": status, "message": f"{words.zh}{reference}"}, "application/json"


_FORMS = {"/fhir": _outcome, "/nhsa": _gateway}
