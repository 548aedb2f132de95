#!/usr/bin/env bash
# Runs the tests; see --help.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

case " $* " in *" --help "* | *" -h "*)
    cat <<'HELP'
usage: ./run_tests.sh [--all] [pytest options]

Runs the tests: makes .venv at the first call, then pytest over tests/ on two cores (some 12 minutes).

  --all   the long tests, too (an hour): the demonstration and its notebooks, real CT and exchanged test images as
          whole studies, ten kills, disks that fill up, the report and JupyterLab in a browser

Any pytest option works, with and without --all:

  ./run_tests.sh -m "not study"                   the quick tests only (without whole studies and notebooks)
  ./run_tests.sh tests/selection                  a folder, such as one of the package's
  ./run_tests.sh tests/test_params.py             one file
  ./run_tests.sh --all tests/workflow/test_notebooks.py
                                                  one file with its long tests
  ./run_tests.sh --all -m long                    the long tests alone
  ./run_tests.sh -k icc                           tests whose name holds "icc"
  ./run_tests.sh -n 0 --pdb                       in one process, for the debugger

Tests on real CT need the folder ../shared/real (VCFNB_SHARED names another place) and skip without it.
HELP
    exit 0
    ;;
esac

. "$ROOT/workflow/setup.sh"
cd "$ROOT"
# One thread a process: tests start workers of their own.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
# loadgroup: tests that share a study go to one worker (tests/conftest.py), in the order given there.
exec "$PYTHON" -m pytest -n 2 --dist loadgroup --no-loadscope-reorder "$@"
