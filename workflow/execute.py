"""Execute one notebook with papermill: the log in a file, a failed notebook kept. run.py tells how it ended."""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from vcfnb.runs.orphans import end_with_parent

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def end_on_interrupt():
    """End at once on Ctrl-C or scancel, from a thread: nbclient's own handler would report the notebook as failed."""
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def wait():
        os._exit(128 + signal.sigwait(signals))

    threading.Thread(target=wait, daemon=True).start()


def execute(name, output, values, cores, log):
    """Run ``notebooks/<name>.ipynb`` into `output`; return True when every cell succeeded."""
    import papermill
    from progress import failure, success

    title = Path(output).stem
    output = Path(output)
    # Not the final name: a notebook with that name is one that ran to its end.
    running = output.with_name(f"{title}.running.ipynb")
    failed = output.with_name(f"{title}.failed.ipynb")
    failed.unlink(missing_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    # Left by a notebook that starts a study: kernels would take themselves for open in JupyterLab and make widgets.
    os.environ.pop("JPY_SESSION_NAME", None)
    os.environ["VCFNB_CORES"] = str(cores)
    os.environ["VCFNB_RUNS"] = str(Path.cwd().parent)
    logging.basicConfig(filename=log, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("papermill").propagate = True
    begin = time.time()
    with open(log, "a") as stream:
        try:
            with_second_start(
                papermill.execute_notebook,
                NOTEBOOKS / f"{name}.ipynb",
                running,
                parameters=values,
                kernel_name="python3",
                cwd=NOTEBOOKS,
                progress_bar=False,
                log_output=False,
                stdout_file=stream,
                stderr_file=stream,
            )
        except papermill.PapermillExecutionError:
            running.rename(failed)
        except Exception as error:
            if running.exists():
                running.rename(failed)
            # A full disk takes no log either, and logging would say so at length.
            logging.raiseExceptions = False
            logging.exception("%s", error)
        else:
            running.rename(output)
            tell(output, success(title, time.time() - begin))
            return True
    tell(failed, failure(failed, time.time() - begin))
    return False


def with_second_start(execute, *given, **named):
    """Execute; once more where the kernel died before it answered, as two that start at once may want one port."""
    try:
        return execute(*given, **named)
    except RuntimeError as error:
        # jupyter_client has no class of its own for it; one that dies in a cell is told otherwise.
        if "before replying" not in str(error):
            raise
    return execute(*given, **named)


def tell(path, text):
    """Say how it ended, unless run.py reads that from the file: on a cluster nobody sees what is printed here."""
    from progress import say

    if "VCFNB_STARTED" not in os.environ or not path.exists():
        say(text, sys.stdout, float(os.environ.get("VCFNB_STARTED") or time.time()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("output")
    parser.add_argument("values", type=json.loads)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--log", required=True)
    arguments = parser.parse_args()
    # First: a thread that was there before, of numpy too, would take the signals in its stead.
    end_on_interrupt()
    end_with_parent()
    sys.exit(not execute(arguments.name, arguments.output, arguments.values, arguments.cores, arguments.log))


if __name__ == "__main__":
    main()
