"""``tradepulse_cli``: exit code 0 when it did what was asked, 1 for a negative verdict, 2 for bad input.

Bad input gets one line on standard error that says what, where and what to try.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from traceback import walk_tb

import click

from tradepulse import __version__
from tradepulse.errors import TradePulseError
from tradepulse.interfaces.cli.params import Places

#: Module of each group, imported when the group is asked for: ``--help`` need not wait for pandas.
GROUPS = {
    "backtest": "run a strategy over bars; sweep its parameters",
    "data": "ingest bars; say whether a file of bars can be believed",
    "execution": "look into the order path's journal",
    "finops": "what everything cost",
    "golden": "indicators against their golden values",
    "indicators": "list indicators; compute one over a file of bars",
    "instance": "back an instance up, and restore it",
    "plugins": "strategies that are shipped and installed",
    "trace": "walk from a fill back to the vendor's file",
}


class _Lazy(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(GROUPS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in GROUPS:
            return None
        command: click.Command = import_module(f"tradepulse.interfaces.cli.{name}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(GROUPS.items()))


@click.command(cls=_Lazy)
@click.option(
    "--home",
    envvar="TRADEPULSE_HOME",
    default="var",
    type=click.Path(path_type=Path),
    help="Folder of all state [TRADEPULSE_HOME].",
)
@click.option(
    "--reports",
    envvar="TRADEPULSE_REPORTS",
    default="reports",
    type=click.Path(path_type=Path),
    help="Folder of pages [TRADEPULSE_REPORTS].",
)
@click.option(
    "--lake", envvar="TRADEPULSE_LAKE_URI", default="", help="Bucket of the lake, not in --home [TRADEPULSE_LAKE_URI]."
)
@click.version_option(__version__, prog_name="tradepulse_cli")
@click.pass_context
def cli(context: click.Context, home: Path, reports: Path, lake: str) -> None:
    """Market data to settled orders as one chain of evidence."""
    context.obj = Places(home=home, reports=reports, lake=lake or home / "lake")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        code = cli.main(
            args=list(arguments) if arguments is not None else None, prog_name="tradepulse_cli", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as exc:
        click.echo(exc.format_message())
        return 2
    except click.ClickException as exc:
        where = exc.ctx.command_path if isinstance(exc, click.UsageError) and exc.ctx else "tradepulse_cli"
        click.echo(f"{where}: {' '.join(exc.format_message().split())} Try {where} --help.", err=True)
        return 2
    except click.Abort:
        click.echo("stopped", err=True)
        return 2
    except TradePulseError as exc:
        click.echo(" ".join(str(exc).split()), err=True)
        return 2
    except OSError as exc:
        click.echo(f"{exc.filename or 'system'}: {exc.strerror or exc}; choose another place or make room", err=True)
        return 2
    except Exception as exc:  # a strategy may raise anything; whatever else it is, is for us to see
        if not (said := _of_a_strategy(exc)):
            raise
        click.echo(said, err=True)
        return 2
    return code if isinstance(code, int) else 0


def _of_a_strategy(exc: Exception) -> str:
    """Say which strategy an error comes from, and where; nothing if it comes from none."""
    from tradepulse.core.quoting.base import QuotingStrategy
    from tradepulse.core.strategies.base import Strategy

    frames = list(walk_tb(exc.__traceback__))
    asked = [one for frame, _ in frames if isinstance(one := frame.f_locals.get("self"), Strategy | QuotingStrategy)]
    if not asked:
        return ""
    frame, line = frames[-1]
    words = " ".join(f"{type(exc).__name__}: {exc}".split())
    return f"{asked[-1].id} broke: {words} ({Path(frame.f_code.co_filename).name}, line {line}); mend it"


if __name__ == "__main__":
    main()
