"""End with the process that started this one: a killed run leaves nothing behind that computes on.

SIGKILL tells nobody. Children of a killed process are handed to another parent, and that they can see.
"""

import os
import threading
import time
from pathlib import Path

_EVERY_S = 0.5
# On a cluster, where the file is on another machine.
_RUN_EVERY_S = 2


def end_with_parent(parent=None):
    """Watch the parent process from a thread; when it is gone, this process ends at once.

    Files are written aside and renamed (:func:`vcfnb.runs.atomic`), so that nothing is lost but what was in work.
    """
    parent = os.getppid() if parent is None else parent

    def watch():
        while os.getppid() == parent:
            time.sleep(_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, name="end_with_parent", daemon=True).start()


def end_with_run(path, run):
    """End this process at once, now or later, when a file tells of another run than this one.

    Jobs on a cluster have no parent that could be watched: one that waited in the queue while its run was killed
    must not begin, nor one go on, beside the jobs of the next. The file is the run's lock, which holds its mark, and
    nothing once it is over; one that cannot be read tells nothing.
    """

    def other():
        try:
            return Path(path).read_text() != run
        except OSError:
            return False

    def check():
        # Twice: it may be being written.
        if other():
            time.sleep(_RUN_EVERY_S)
            if other():
                os._exit(1)

    def watch():
        while True:
            time.sleep(_RUN_EVERY_S)
            check()

    check()
    threading.Thread(target=watch, name="end_with_run", daemon=True).start()
