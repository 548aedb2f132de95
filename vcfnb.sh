#!/usr/bin/env bash
# Makes .venv at the first call, then does what is asked; see --help.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ "${1:-}" = run ]; then
    shift
    exec "$ROOT/run_all.sh" "$@"
fi
. "$ROOT/workflow/setup.sh"
exec "$PYTHON" -m vcfnb "$@"
