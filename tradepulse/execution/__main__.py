"""``python -m tradepulse.execution --folder DIR --request FILE``: one session of one book, in a process of its own.

Started by Dagster it reports through Pipes; started by a person it prints the same lines. ``--desk FILE`` in place of a
request trades a book continuously (:mod:`tradepulse.execution.engine`). Exit codes: 0 done, 1 a desk was stopped by the
kill switch, 2 the request or the book was refused (one line on stderr says why), 3 ESCALATED.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from tradepulse.errors import ConfigError, TradePulseError
from tradepulse.execution.request import parse_request
from tradepulse.execution.session import Report, run_session


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the session that the command line names and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tradepulse.execution", description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="folder of the book: journals and lock")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--request", help="of a session: JSON file, or - for standard input")
    given.add_argument("--desk", help="of a desk that trades continuously: JSON file, or - for standard input")
    chosen = parser.parse_args(arguments)
    source = chosen.request or chosen.desk
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text()
    except (OSError, UnicodeDecodeError) as exc:
        print(f"{source}: cannot be read ({exc}); name a file", file=sys.stderr)
        return 2
    try:
        if chosen.desk:
            return _trade(chosen.folder, text)
        request = parse_request(text)
        if "DAGSTER_PIPES_CONTEXT" in os.environ:
            report = _report_to_dagster(lambda progress: run_session(chosen.folder, request, progress))
        else:
            report = run_session(chosen.folder, request, lambda line: print(line, file=sys.stderr))
            print(json.dumps(asdict(report)))
        return 3 if report.left else 0
    except (TradePulseError, OSError) as exc:
        if isinstance(exc, ConfigError):
            exc = ConfigError(f"{source}: {exc}")
        print(str(exc), file=sys.stderr)
        return 2


def _trade(folder: Path, text: str) -> int:
    from tradepulse.execution.engine import parse_desk, trade

    outcome = trade(folder, parse_desk(text), lambda line: print(line, file=sys.stderr, flush=True))
    print(json.dumps(asdict(outcome)))
    return {"closed": 0, "killed": 1}.get(outcome.ended, 3)


def _report_to_dagster(run: Callable[[Callable[[str], None]], Report]) -> Report:
    from dagster_pipes import open_dagster_pipes

    with open_dagster_pipes() as pipes:
        report = run(pipes.log.info)
        pipes.report_asset_materialization(
            metadata={
                "session": report.session,
                "orders decided": report.decided,
                "orders refused": report.refused,
                "fills": report.filled,
                "journal hash": report.journal_hash,
                "run before": report.repeated,
                "kill switch": report.killed or "not pulled",
            },
            data_version=report.journal_hash[:16],
        )
        if report.left:
            pipes.log.error(f"ESCALATED: the broker has not proven that these are gone: {', '.join(report.left)}")
    return report


if __name__ == "__main__":
    sys.exit(main())
