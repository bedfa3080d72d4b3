"""`onecard`: everything a person does with an installation. Each command imports what it needs when it runs."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.insurance import enrolments, packs

app = typer.Typer(
    help="OneCard Hub: one card for life, booking, referral, shared records and insurance settlement for a region.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
hospital = typer.Typer(help="Add an institution, its credentials, the endpoints its messages go to.")
staff = typer.Typer(help="Add the sign-in of a member of staff.")
authority = typer.Typer(help="Say who settles for the people of an insured area: this hub, or a platform further up.")
app.add_typer(hospital, name="hospital")
app.add_typer(authority, name="authority")
app.add_typer(staff, name="staff")
app.add_typer(packs, name="packs")
app.add_typer(enrolments, name="enrolments")

Organisation = Annotated[str, typer.Argument(help="its national code: 12 characters, a bureau's 6")]


def main() -> None:
    """The entry of the console script: a refusal is a sentence and exit code 1, a bug is a traceback."""
    from adapters.cli.refusals import sentence_of

    try:
        app()
    except Exception as trouble:
        sentence = sentence_of(trouble)
        if sentence is None:
            raise
        print(f"onecard: {sentence}", file=sys.stderr)
        raise SystemExit(1) from None


@app.command()
def demo(
    fresh: Annotated[bool, typer.Option("--fresh", help="start over from empty tables")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="worker processes")] = None,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="take any free ports")] = False,
) -> None:
    """Run the demonstration region with its simulated hospitals; Ctrl-C ends it."""
    from adapters.cli.demonstration import demo

    demo(fresh=fresh, workers=workers, free_ports=free_ports)


@app.command()
def serve(
    workers: Annotated[int | None, typer.Option(min=1, help="worker processes")] = None,
    doors: Annotated[
        list[str] | None, typer.Option(metavar="FACE=PORT", help="citizen, hospital, bureau or operations; repeatable")
    ] = None,
) -> None:
    """Run the hub. With --doors each face named gets a port of its own, and only those are served."""
    from adapters.cli.running import read_doors, serve

    serve(workers=workers, doors=read_doors(doors or []))


@app.command()
def migrate() -> None:
    """Bring the database to this version; safe twice, and by two processes at once."""
    from adapters.cli.database import migrate

    migrate()


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="where to write; must not exist")]) -> None:
    """Write the database to FILE while it runs. The key that seals it is not in it: keep that apart."""
    from adapters.cli.database import backup

    backup(file)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="what `onecard backup` wrote", exists=True, dir_okay=False)],
    key: Annotated[Path | None, typer.Option(help="the key kept apart", exists=True, dir_okay=False)] = None,
) -> None:
    """Read FILE into an empty place and check that the key opens it."""
    from adapters.cli.database import restore

    restore(file, key)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def story(context: typer.Context) -> None:
    """Live one day of the region from outside and tell how each step went (--at URL, --wire)."""
    from fixtures.story import main

    raise SystemExit(main(context.args))


@app.command()
def send(
    files: Annotated[list[Path], typer.Argument(help="one HL7 v2 message each", exists=True, dir_okay=False)],
    to: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="the hub's MLLP port")] = None,
    source: Annotated[str | None, typer.Option("--from", metavar="ADDRESS", help="address to speak from")] = None,
) -> None:
    """Send messages over MLLP and print the answers."""
    from adapters.cli.wire import send

    send(files, to=to, source=source)


@app.command()
def adjudicate(
    bills: Annotated[list[Path], typer.Argument(metavar="BILL.json...", exists=True, dir_okay=False)],
) -> None:
    """Work out bills by the benefit pack they name: one line of JSON each, every fen explained."""
    from adapters.adjudicate import adjudicate

    raise SystemExit(adjudicate(bills))


@app.command()
def reconcile(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="an insurer day, by the time of settlement")],
    as_json: Annotated[bool, typer.Option("--json", help="print what was found as JSON")] = False,
) -> None:
    """Hold every hospital's lines of a day against the ledger and name the differences; safe to run again."""
    from adapters.cli.reconciling import reconcile

    reconcile(day.date(), as_json=as_json)


@app.command()
def info() -> None:
    """Addresses and sign-ins of the running region, as JSON."""
    from adapters.cli.running import info

    print(info())


@app.command()
def faults() -> None:
    """Every refusal the hub knows: kind, code, and its sentence in Chinese and English."""
    from adapters.cli.showing import faults

    faults()


@app.command()
def jobs() -> None:
    """Periodic work: when it ran last, how it went, when it is due."""
    from adapters.cli.showing import jobs

    jobs()


@app.command()
def verify(
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="adjudicate again from this day")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="to this day")] = None,
) -> None:
    """Derive every amount again, in SQL, then adjudicate every settlement again (or those of some days).

    Names the first row of each check that does not fit; 1 if one does not.
    """
    from adapters.cli.showing import verify

    raise SystemExit(verify(since and since.date(), until and until.date()))


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="hl7v2, booking, settlement, adjudicate or reconcile")],
    clients: Annotated[int, typer.Option(min=1, help="concurrent clients")] = 8,
    seconds: Annotated[int, typer.Option(min=1, help="length of each measurement")] = 10,
    repeats: Annotated[int, typer.Option(min=1, help="how often each is measured; the median counts")] = 1,
    old: Annotated[int, typer.Option(min=0, help="settlement: measure again with so many old settlements")] = 0,
    rows: Annotated[int, typer.Option(min=1000, help="reconcile: lines of each side")] = 1_000_000,
) -> None:
    """Drive the real doors and, in the same run, the fixed reference workload; print their ratio."""
    from benchmarks.run import bench

    raise SystemExit(bench(name, clients=clients, seconds=seconds, repeats=repeats, old=old, rows=rows))


@app.command()
def doctor() -> None:
    """Say what is wrong with this installation, and what to do about it."""
    from adapters.doctor import examine

    raise SystemExit(examine())


@hospital.command("add")
def hospital_add(
    organisation: Organisation,
    name: Annotated[str, typer.Option(help="its name in Chinese")],
    tier: Annotated[str, typer.Option(help="tertiary, county, community, village or bureau")],
    district: Annotated[str, typer.Option(help="six-digit district code")],
    name_en: Annotated[str, typer.Option(help="its name in English")] = "",
    address: str = "",
    telephone: str = "",
) -> None:
    """Add an institution, or change what is known of it."""
    from adapters.cli.registry import add_hospital

    add_hospital(organisation, name=name, name_en=name_en, tier=tier, district=district, address=address,
                 telephone=telephone)  # fmt: skip


@hospital.command("credential")
def hospital_credential(
    organisation: Organisation,
    kind: Annotated[str, typer.Argument(help="token (JSON API and FHIR), access-key (national interface) or mllp")],
    name: Annotated[str | None, typer.Option(help="what the logs call it; <code>/<kind> unless given")] = None,
    address: Annotated[str | None, typer.Option(help="mllp: the address it connects from")] = None,
    application: Annotated[str | None, typer.Option(help="mllp: its MSH-3")] = None,
    facility: Annotated[str | None, typer.Option(help="mllp: its MSH-4")] = None,
) -> None:
    """Give one of its systems a credential; a secret is shown once."""
    from adapters.cli.registry import add_credential

    add_credential(organisation, kind=kind, name=name, address=address, application=application, facility=facility)


@hospital.command("endpoint")
def hospital_endpoint(
    organisation: Organisation,
    host: Annotated[str | None, typer.Argument(help="of its MLLP listener")] = None,
    port: Annotated[int | None, typer.Argument(min=1, max=65535)] = None,
    application: Annotated[str | None, typer.Option(help="its MSH-3")] = None,
    facility: Annotated[str | None, typer.Option(help="its MSH-4")] = None,
    url: Annotated[str | None, typer.Option(help="webhook: where its system hears of settlements")] = None,
) -> None:
    """Say where its messages go: host and port for HL7 v2 (MLLP), --url for settlements; a secret is shown once."""
    from adapters.cli.registry import set_endpoint, set_webhook

    if url is not None and (host, port, application, facility) == (None, None, None, None):
        set_webhook(organisation, url=url)
    elif url is None and host and port and application and facility:
        set_endpoint(organisation, host=host, port=port, application=application, facility=facility)
    else:
        raise typer.BadParameter("either --url, or HOST PORT with --application and --facility")


@staff.command("add")
def staff_add(
    name: Annotated[str, typer.Argument(help="what they sign in with")],
    organisation: Annotated[str, typer.Option(help="where they work")],
    display_name: Annotated[str, typer.Option(help="how pages call them")],
    role: Annotated[str, typer.Option(help="doctor, village, clerk, desk, finance, bureau or operator")],
    practitioner: Annotated[str | None, typer.Option(help="their practitioner code, for who treats patients")] = None,
) -> None:
    """Add a member of staff, or give them a new password (asked for, or read from standard input)."""
    from adapters.cli.registry import add_staff

    add_staff(name, organisation=organisation, display_name=display_name, role=role, practitioner=practitioner)


@authority.command("set")
def authority_set(
    area: Annotated[str, typer.Argument(help="six-digit code of the insured area")],
    name: Annotated[str, typer.Option(help="its name in Chinese")],
    name_en: Annotated[str, typer.Option(help="its name in English")] = "",
    url: Annotated[str | None, typer.Option(help="the platform's address; without one this hub settles")] = None,
    access_key: Annotated[str | None, typer.Option(help="what the platform calls this hub")] = None,
    timeout: Annotated[int, typer.Option(min=1, max=60, help="seconds an answer is waited for")] = 15,
    asks_by_msgid: Annotated[bool, typer.Option(help="the platform answers 5203 for a message id")] = True,
) -> None:
    """Say who settles for an area. A platform's secret is asked for, or read from standard input."""
    from adapters.cli.registry import set_authority

    set_authority(area, name=name, name_en=name_en, url=url, access_key=access_key, timeout_seconds=timeout,
                  asks_by_msgid=asks_by_msgid)  # fmt: skip


@authority.command("list")
def authority_list() -> None:
    """Every area somebody has said something about, and who settles for it."""
    from adapters.cli.registry import list_authorities

    list_authorities()
