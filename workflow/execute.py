"""Execute one notebook with papermill: one line on the console, the log in a file, a failed notebook kept."""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from progress import CLEAR, clock

from vcfnb.orphans import end_with_parent
from vcfnb.runs import GO_ON, disk_is_full

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def say(text, stream=sys.stdout):
    since = time.time() - float(os.environ.get("VCFNB_STARTED") or time.time())
    # On a terminal the line of what is running stands there.
    print(f"{CLEAR if stream.isatty() else ''}[{clock(since):>5}] {text}", file=stream, flush=True)


def describe_failure(path):
    """The failing cell and its message, read from a notebook that papermill stopped in."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError):
        # Not saved, or not whole.
        cells = []
    for number, cell in enumerate(cells):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                code = "".join(cell["source"]).strip().splitlines()
                shown = "\n".join(f"    | {line}" for line in code[:12] + ["..."] * (len(code) > 12))
                message = f"{output['ename']}: {output['evalue']}".replace("\n", "\n    ")
                return f"  in cell {number}:\n{shown}\n    {message}"
    folder = path.parent.resolve()
    if disk_is_full(folder):
        return f"  {folder}: the disk is full -> free space there{GO_ON}"
    told = "the kernel ended by itself, most often because memory ran out"
    return f"  {told} -> close other programs or use fewer cores (--cores 1){GO_ON}"


def end_on_interrupt():
    """End at once on Ctrl-C, from a thread: nbclient's own handler would report the notebook as failed."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def wait():
        signal.sigwait({signal.SIGINT})
        os._exit(130)

    threading.Thread(target=wait, daemon=True).start()


def execute(name, output, values, cores, log):
    """Run ``notebooks/<name>.ipynb`` into `output`; return True when every cell succeeded."""
    import papermill

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
            papermill.execute_notebook(
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
            say(f"{title:<18} done in {time.time() - begin:.0f} s")
            return True
    say(f"{title:<18} FAILED after {time.time() - begin:.0f} s", sys.stdout)
    print(describe_failure(failed))
    if failed.exists():
        print(f"  the notebook as far as it went: {failed.resolve()}")
    print(f"  its log: {Path(log).resolve()}", flush=True)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("output")
    parser.add_argument("values", type=json.loads)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--log", required=True)
    arguments = parser.parse_args()
    end_with_parent()
    end_on_interrupt()
    sys.exit(not execute(arguments.name, arguments.output, arguments.values, arguments.cores, arguments.log))


if __name__ == "__main__":
    main()
