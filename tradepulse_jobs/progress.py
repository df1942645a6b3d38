"""What a person at a terminal sees of a run: a line per step that ends."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


class _StepPrinter(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_event", None)
        if event is None:
            return
        if event.is_step_success:
            seconds = event.step_success_data.duration_ms / 1000
            print(f"      {event.step_key:<48}{seconds:6.1f} s", flush=True)
        elif event.is_step_failure:
            print(f"      {event.step_key:<48}  FAILED", flush=True)


_SILENT = logging.CRITICAL + 1
_printer = _StepPrinter(_SILENT)


def _build(context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("tradepulse", logging.DEBUG)
    logger.addHandler(_printer)
    return logger


quiet_logger = dg.LoggerDefinition(
    _build, description="Prints a line per step where a caller asks for it with steps_shown, and nothing else."
)


@contextmanager
def steps_shown() -> Iterator[None]:
    """Print the steps of runs started inside with the quiet logger."""
    _printer.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        _printer.setLevel(_SILENT)
