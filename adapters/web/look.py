"""How a visitor wants the pages to look: language and elder mode, kept in two cookies."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from adapters.web.words import DEFAULT, LANGUAGES

LANGUAGE_COOKIE = "onecard_language"
ELDER_COOKIE = "onecard_elder"
_YEAR_SECONDS = 365 * 86400


@dataclass(frozen=True)
class Look:
    language: str = DEFAULT
    elder: bool = False

    @property
    def html_language(self) -> str:
        return "zh-CN" if self.language == "zh" else "en"

    @property
    def other_language(self) -> str:
        return "en" if self.language == "zh" else "zh"


def look_of(request: Request) -> Look:
    """The look the visitor chose; Chinese and ordinary size when nothing was chosen."""
    language = request.cookies.get(LANGUAGE_COOKIE, DEFAULT)
    return Look(
        language=language if language in LANGUAGES else DEFAULT,
        elder=request.cookies.get(ELDER_COOKIE) == "1",
    )


def remember(response: Response, *, language: str | None, elder: str | None) -> None:
    """Keep what the visitor chose for a year; an unknown value is ignored."""
    if language in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_SECONDS, httponly=True, samesite="lax")
    if elder in ("0", "1"):
        response.set_cookie(ELDER_COOKIE, elder, max_age=_YEAR_SECONDS, httponly=True, samesite="lax")


def safe_path(path: str, default: str = "/") -> str:
    """A path on this site, or the default: never another host, whatever a link says."""
    if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable():
        return path
    return default
