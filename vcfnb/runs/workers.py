"""Cases side by side: worker processes with one thread each."""

import os
import warnings

from vcfnb.errors import VcfnbError
from vcfnb.runs.files import GO_ON
from vcfnb.runs.orphans import end_with_parent


def usable_cores():
    """Number of cores for this study: ``$VCFNB_CORES``, or those that this process may use."""
    if os.environ.get("VCFNB_CORES"):
        return max(1, int(os.environ["VCFNB_CORES"]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parallel_map(function, items, cores=None, desc=""):
    """Apply `function` to each item in worker processes of one thread each; yield results in order.

    Results are yielded as they come and not collected, so memory does not grow with the number of items. With one
    core everything runs in this process. A worker that the system killed ends in a VcfnbError.

    Parameters
    ----------
    function : callable
        Picklable; called with one item.
    cores : int, optional
        Worker processes; by default :func:`usable_cores`.
    desc : str
        Label of the progress bar.
    """
    from tqdm.auto import tqdm

    cores = usable_cores() if cores is None else cores
    total = len(items) if hasattr(items, "__len__") else None
    alone = cores == 1 or (total is not None and total < 2)
    results = map(function, items) if alone else _by_workers(function, items, cores)
    # A bar over a single item tells nothing.
    yield from tqdm(results, total=total, desc=desc, disable=total is not None and total < 2)


def _by_workers(function, items, cores):
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # joblib replaces a worker that has grown, which loses nothing and concerns nobody.
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
    # BLAS and OpenMP pools inside each worker would oversubscribe the cores (2.5 times the CPU).
    start = {"initializer": end_with_parent, "initargs": (os.getpid(),)}
    with parallel_config(backend="loky", n_jobs=cores, inner_max_num_threads=1, **start):
        results = Parallel(return_as="generator", pre_dispatch="2*n_jobs")(delayed(function)(item) for item in items)
    try:
        yield from results
    except TerminatedWorkerError:
        problem = "a worker process was killed, most often because memory ran out"
        remedy = "close other programs or use fewer cores (--cores 1)" + GO_ON
        raise VcfnbError(problem, remedy, code="worker-killed") from None
