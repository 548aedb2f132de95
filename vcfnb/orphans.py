"""End with the process that started this one: a killed run leaves nothing behind that computes on.

SIGKILL tells nobody. Children of a killed process are handed to another parent, and that they can see.
"""

import os
import threading
import time

_EVERY_S = 0.5


def end_with_parent(parent=None):
    """Watch the parent process from a thread; when it is gone, this process ends at once.

    Files are written aside and renamed (:func:`vcfnb.runs.atomic`), so that nothing is lost but what was in work.

    Parameters
    ----------
    parent : int, optional
        Its process id; by default that of the present parent.
    """
    parent = os.getppid() if parent is None else parent

    def watch():
        while os.getppid() == parent:
            time.sleep(_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, name="end_with_parent", daemon=True).start()
