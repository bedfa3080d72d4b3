"""What `onecard reconcile` does."""

import json
import sys
from datetime import date

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from adapters import door
from adapters.cli.database import at_hand
from adapters.keys import load_keyring
from adapters.reconciling.day import Day
from adapters.reconciling.day import reconcile as reconcile_day
from adapters.settings import Settings
from hub.units import Money


def reconcile(day: date, *, as_json: bool) -> None:
    settings = Settings()
    with at_hand(settings) as dsn:
        engine = door.open_house(settings, dsn, load_keyring(settings.keys_folder))
        try:
            done = _with_bar(dsn, day)
        finally:
            engine.dispose()
    if as_json:
        json.dump(done.document(), sys.stdout, ensure_ascii=False, indent=2)
        print()
        return
    for line in _told(done):
        print(line)


def _with_bar(dsn: str, day: date) -> Day:
    columns = (TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks = {step: bar.add_task(step, total=None) for step in ("exporting", "matching", "naming")}
        return reconcile_day(
            dsn, day, progress=lambda step, done, total: bar.update(tasks[step], completed=done, total=total)
        )


def _told(done: Day) -> list[str]:
    lines = []
    for row, found in done.compared:
        off = Money(found.insurer.fund - found.hospital.fund)
        said = "balanced" if found.balanced else f"{len(found.breaks)} differences, fund off by {off}"
        lines.append(f"{row.organisation_id}  clr_type {row.clr_type}  {row.office}  {said}")
        lines += [f"    {each.setl_id}  {each.kind}  {each.state}" for each in found.breaks]
    lines += [
        f"{name}  nothing has come, the ledger has {amounts.count}" for name, amounts in sorted(done.awaited.items())
    ]
    lines += [
        f"settlement {number}  {msgid}  {one.element} was told as {Money(one.said)}, stands as {Money(one.summed)}"
        for number, msgid, one in done.journal.differing
    ]
    return lines or [f"{done.day}: nobody settled anything"]
