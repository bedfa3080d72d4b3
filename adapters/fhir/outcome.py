"""Refusals as OperationOutcome: one table, by kind.

`details.coding` carries the Fault's code, `details.text` the sentence in Chinese, `diagnostics` the
sentence in English, `expression` the element.
"""

from dataclasses import dataclass, field
from typing import Any

from hub.faults import Conflict, Fault, Forbidden, Invalid, Kind, Problem, Refused, Unavailable, Unknown
from hub.trust import CredentialRefused

FAULT_SYSTEM = "urn:onecard:fault"

# Kind: HTTP status and IssueType (http://hl7.org/fhir/R4/valueset-issue-type.html).
STATUS: dict[Kind, tuple[int, str]] = {
    Kind.INVALID: (400, "invalid"),
    Kind.UNKNOWN: (422, "not-found"),
    Kind.FORBIDDEN: (403, "forbidden"),
    Kind.CONFLICT: (409, "conflict"),
    Kind.REFUSED: (422, "business-rule"),
    Kind.UNAVAILABLE: (503, "transient"),
}
ISSUE_OF: dict[Problem, str] = {
    Problem.SEQUENCE: "structure",
    Problem.MISSING: "required",
    Problem.TYPE: "value",
    Problem.CODE: "code-invalid",
}


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with a resource. `expression` is FHIRPath: Appointment.participant[0].status."""

    expression: str
    code: str
    sentence: str


class ResourceInvalid(Invalid):
    """The resource does not conform; every issue found is in the answer."""

    zh = "资源不符合 FHIR R4（{count} 处）：{element}：{found}。"
    en = "The resource does not conform to FHIR R4 ({count} issues): {element}: {found}."

    def __init__(self, issues: list[Issue]) -> None:
        self.issues = issues
        super().__init__(element=issues[0].expression, found=issues[0].sentence, count=len(issues))


class NotOffered(Unknown):
    zh = "本接口没有 {what}。可用：{offered}。"
    en = "This server has no {what}. Offered: {offered}."


class ResourceUnknown(Unknown):
    """What the URL itself names."""

    zh = "没有 {reference}，或您无权查看。"
    en = "There is no {reference}, or you may not see it."


class TargetUnknown(Unknown):
    """What a resource refers to."""

    zh = "{element} 指向的 {reference} 不存在，或您无权查看。"
    en = "{element} refers to {reference}, which is not there or which you may not see."


class NotSupported(Refused):
    zh = "不支持：{what}。"
    en = "Not supported: {what}."


class VersionOld(Conflict):
    zh = "您看到的版本（{given}）已不是当前版本（{current}）。请重新读取后再改。"
    en = "You have seen version {given}; the current one is {current}. Read it again, then change it."


class SignInMissing(Forbidden):
    zh = "请求缺少令牌：Authorization: Bearer …。"
    en = "The request carries no token: Authorization: Bearer …."


class DoorRefusal(Fault):
    """What HTTP itself refuses; `status` is the answer."""

    kind = Kind.INVALID
    zh = "{what_zh}"
    en = "{what}"

    def __init__(self, status: int, issue: str, *, what: str, what_zh: str) -> None:
        self.status, self.issue = status, issue
        super().__init__(what=what, what_zh=what_zh)


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def render(fault: Fault) -> Refusal:
    """The answer to a Fault."""
    status, issue = _status(fault)
    headers: dict[str, str] = {}
    if isinstance(fault, Unavailable):
        headers["Retry-After"] = str(fault.retry_after_seconds)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(fault, ResourceInvalid):
        issues = [_issue(i.code, fault.code, i.sentence, i.sentence, i.expression) for i in fault.issues]
    else:
        element = fault.element if isinstance(fault, Invalid) else None
        issues = [_issue(issue, fault.code, fault.sentence("zh"), fault.sentence("en"), element)]
    return Refusal(status, {"resourceType": "OperationOutcome", "issue": issues}, headers)


def _status(fault: Fault) -> tuple[int, str]:
    status, issue = STATUS[fault.kind]
    if isinstance(fault, DoorRefusal):
        return fault.status, fault.issue
    if isinstance(fault, CredentialRefused | SignInMissing):
        return 401, "login"
    if isinstance(fault, VersionOld):
        return 412, issue
    if isinstance(fault, NotOffered | ResourceUnknown):
        return 404, "not-supported" if isinstance(fault, NotOffered) else "not-found"
    if isinstance(fault, NotSupported):
        return status, "not-supported"
    if isinstance(fault, Invalid):
        return status, ISSUE_OF[fault.problem]
    return status, issue


def _issue(code: str, fault: str, chinese: str, english: str, expression: str | None) -> dict[str, Any]:
    issue: dict[str, Any] = {
        "severity": "error",
        "code": code,
        "details": {"coding": [{"system": FAULT_SYSTEM, "code": fault}], "text": chinese},
        "diagnostics": english,
    }
    if expression:
        issue["expression"] = [expression]
    return issue
