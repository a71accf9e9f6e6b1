"""`xbench`: the one command line, and the only place that ends the process."""

from __future__ import annotations

import os
import sys
import traceback

from ..errors import InterruptedRunError, XbenchError

# Each adds its commands, and `--help` shows them in this order.
# isort: off
from . import suite_commands  # noqa: F401
from . import file_commands  # noqa: F401
from . import run_commands  # noqa: F401
from . import results_commands  # noqa: F401
from . import results_reading  # noqa: F401
from . import results_keeping  # noqa: F401
from . import machine_commands  # noqa: F401

# isort: on
from .app import app


def main() -> None:
    """The entry point: the only place that ends the process, with the codes of the design's section 7."""
    # --debug may stand anywhere: it is added to the end of a command that went wrong.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        app(arguments)
    except XbenchError as error:
        _fail(error, error.exit_code, debug)
    except KeyboardInterrupt:
        _fail(InterruptedRunError("Interrupted"), InterruptedRunError.exit_code, debug)
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last line of defence: told, never swallowed
        _fail(error, 5, debug)


def _fail(error: Exception, code: int, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)
    elif isinstance(error, XbenchError):
        _say(str(error))
    else:
        _say(f"a fault of xbench or of the machine: {type(error).__name__}: {error}\nsee more with --debug")
    sys.exit(code)


def _say(text: str) -> None:
    from ..report.text import visible

    lines = [visible(line) for line in text.splitlines()]
    sys.stderr.write("xbench: " + "\n        ".join(lines) + "\n")
