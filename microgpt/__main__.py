"""The command line: ``microgpt`` and ``python -m microgpt``."""

import signal
import sys


def main() -> None:
    """The entry point of the console script."""
    # Until the command line is loaded and handles Ctrl-C, the signal ends the process without a traceback.
    answers = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if answers:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .tools.cli import main

    if answers:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt as late:  # of either signal, behind the last handler of the command line
        from .tools.terminal.failures import StoppedError

        sys.exit(StoppedError("", late).code)
    finally:
        # Only the exit is left, and it keeps its code.
        if answers:
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            except KeyboardInterrupt:  # one more, which `signal` hands out before it does anything
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            # If a string that ran in exec() was interrupted (dataclasses are made by such), `python -m` would end by
            # SIGINT in place of the code, although the interrupt was handled. The next string resets CPython's flag.
            exec("")


if __name__ == "__main__":
    main()
