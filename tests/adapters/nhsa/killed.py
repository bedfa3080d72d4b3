"""A hub in a process of its own that is killed while a platform thinks."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from adapters import door
from adapters.nhsa.routes import HOT
from adapters.settings import Settings
from fixtures.simulators.nhsa_client import Hospital
from hub import trust
from tests.conftest import KEYRING
from tests.region import TERTIARY


def settle_and_hang(dsn: str, home: str, msgid: str, mdtrt_id: str, psn_no: str, certno: str, name: str) -> None:
    """What tests/adapters/nhsa/cashier.py would send, through the whole door."""
    from tests.adapters.asgi import InProcess
    from tests.adapters.nhsa.cashier import Window
    from tests.adapters.nhsa.conftest import SECRET, Insured

    trust.install(KEYRING)
    door.use_engine(door.make_engine(dsn), Settings(home=Path(home)))
    app = FastAPI()
    app.router.routes.extend(HOT)
    hospital = Hospital("http://hub", TERTIARY, "示例医院", f"{TERTIARY}/nhsa", SECRET)
    hospital._http = httpx.Client(transport=InProcess(app), base_url="http://hub")
    window = Window(hospital, Insured(0, psn_no, certno, name, "310"), mdtrt_id=mdtrt_id)
    window.total = "2340.33"
    window.settle(msgid=msgid)
