#!/usr/bin/env bash
# Runs the tests; see --help.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

case " $* " in *" --help "* | *" -h "*)
    cat <<'HELP'
usage: ./run_tests.sh [pytest options]

Runs the tests: makes .venv at the first call, then pytest over tests/. Any pytest option works:

  ./run_tests.sh -m "not study"         the quick tests only (without whole studies and notebooks)
  ./run_tests.sh tests/test_params.py   one file
  ./run_tests.sh -k icc                 tests whose name holds "icc"

Tests on real CT need the folder ../shared/real (VCFNB_SHARED names another place) and skip without it.
HELP
    exit 0
    ;;
esac

. "$ROOT/workflow/setup.sh"
cd "$ROOT"
# One thread a process: tests start workers of their own.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
exec "$PYTHON" -m pytest "$@"
