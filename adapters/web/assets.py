"""The style sheets and scripts: read once, named by their content, kept by the browser for a year."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    url: str
    media_type: str
    body: bytes
    packed: bytes


@cache
def assets() -> dict[str, Asset]:
    """Every file under static/ that a page may ask for, by its name: "js/live.js"."""
    found = {}
    for path in sorted(_FOLDER.rglob("*")):
        if path.suffix in _TYPES:
            name, body = path.relative_to(_FOLDER).as_posix(), path.read_bytes()
            version = hashlib.sha256(body).hexdigest()[:12]
            packed = gzip.compress(body, mtime=0)
            found[name] = Asset(f"/static/{version}/{name}", _TYPES[path.suffix], body, packed)
    return found


def asset_url(name: str) -> str:
    return assets()[name].url


def answer(request: Request, name: str) -> Response | None:
    """The file, compressed where the browser takes it; None when there is no such file."""
    asset = assets().get(name)
    if asset is None:
        return None
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.packed if packed else asset.body, media_type=asset.media_type, headers=headers)


@cache
def icons() -> dict[str, str]:
    """The symbols of static/icons.svg by name, each on one line: "card" -> '<symbol id="i-card" ...'."""
    lines = (_FOLDER / "icons.svg").read_text("utf-8").splitlines()
    symbols = (line.strip() for line in lines if line.startswith("<symbol"))
    return {line.split('id="i-', 1)[1].split('"', 1)[0]: line for line in symbols}
