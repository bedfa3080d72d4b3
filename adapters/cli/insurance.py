"""`onecard packs` and `onecard enrolments`: what the insurance bureau gives the hub in files."""

from pathlib import Path
from typing import Annotated

import typer

packs = typer.Typer(help="Benefit packs: take in, list, replay.", no_args_is_help=True)
enrolments = typer.Typer(help="Who is insured how, as the insurer feeds it.", no_args_is_help=True)


@packs.command("import")
def packs_import(
    files: Annotated[list[Path], typer.Argument(help="TOML, UTF-8", exists=True, dir_okay=False)],
) -> None:
    """Check and take in packs, all or none; the same again changes nothing. Two clerks sign on the bureau's page."""
    from adapters.cli.bureau import import_packs

    import_packs(files)


@packs.command("list")
def packs_list() -> None:
    """Every pack, newest first, and how far it is."""
    from adapters.cli.bureau import list_packs

    list_packs()


@packs.command("replay")
def packs_replay(
    pack: Annotated[str, typer.Argument(help="its id")],
    month: Annotated[str, typer.Option(help="the month of the bills, as 2026-10")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document, amounts in fen")] = False,
) -> None:
    """Work out a past month's settlements again under a pack: what it changes, by fund, hospital and class."""
    from adapters.cli.bureau import replay_pack

    replay_pack(pack, month=month, as_json=as_json)


@enrolments.command("import")
def enrolments_import(
    file: Annotated[Path, typer.Argument(help="CSV with a header, UTF-8 or GBK", exists=True, dir_okay=False)],
    source: Annotated[
        str | None, typer.Option(help="what the rows say they come from; the file's name unless given")
    ] = None,
) -> None:
    """Take in enrolments, all rows or none: each row that is wrong is named. The same again changes nothing."""
    from adapters.cli.bureau import import_enrolments

    import_enrolments(file, source=source or file.name)
