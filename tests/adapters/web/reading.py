"""A page as the tests read it: its headings, forms and fields, without a browser."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "rect", "path", "circle", "img", "hr", "use", "ellipse"}


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """What stands on a page; `unclosed` names elements that were opened and never closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.forms, self.open = text, [], []
        self.headings: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []
        self.unclosed: list[str] = []
        self.language = ""
        self.styled: list[str] = []
        self._select: str | None = None
        self.feed(text)
        self.unclosed += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self._look(tag, found)
        if tag == "form":
            self.forms.append(Form(found.get("action") or "", found.get("method", "get")))
        elif tag in ("input", "select", "textarea"):
            self.inputs.append({"tag": tag, "inside": "label" if "label" in self.open else None, **found})
            if self.forms and found.get("name") and found.get("type") not in ("radio", "checkbox"):
                self.forms[-1].fields[str(found["name"])] = found.get("value") or ""
            self._select = found.get("name") if tag == "select" else self._select
        elif tag == "option" and self._select and self.forms and "selected" in found:
            self.forms[-1].fields[self._select] = found.get("value") or ""

    def _look(self, tag: str, found: dict[str, str | None]) -> None:
        if tag == "html":
            self.language = found.get("lang") or ""
        if tag == "h1":
            self.headings.append("")
        if tag == "a":
            self.links.append(found.get("href") or "")
        if tag == "label" and found.get("for"):
            self.labelled.add(str(found["for"]))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if "style" in found or any(name.startswith("on") for name in found):
            self.styled.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.unclosed.append(f"</{tag}> in {self.open[-3:]}")
            return
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and "h1" in self.open:
            self.headings[-1] += data.strip()

    def form(self, action: str) -> Form:
        """The form that sends something to an address."""
        return next(form for form in self.forms if form.action == action and form.method == "post")

    @property
    def unlabelled(self) -> list[str]:
        """Fields that no label names."""
        return [
            str(each.get("name"))
            for each in self.inputs
            if each.get("type") not in ("hidden", "submit")
            and each.get("id") not in self.labelled
            and not each.get("aria-label")
            and not each.get("inside")
        ]
