#!/usr/bin/env bash
# Runs the whole study; see --help.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

case " $* " in *" --help "* | *" -h "*)
    cat <<'HELP'
usage: ./run_all.sh [params/NAME.yaml] [--set section.key=value ...] [--cores N] [workflow options]

Runs the whole study headlessly: makes .venv at the first call, checks the parameters, executes the
numbered notebooks that are not up to date, and writes the report to runs/<study>/report/index.html.

  params/NAME.yaml        parameters; by default params/demo.yaml (218 simulated patients)
  --set section.key=value replaces one parameter, such as --set dtl.epochs=3 or --set seed=7; repeatable
  --cores N               cores to use; by default all
  -n, --dry-run           shows which notebooks would run, and runs none
  anything else           goes to Snakemake, such as --forcerun radiomics or --profile workflow/profiles/slurm

Results: runs/<study>/ (VCFNB_RUNS names another folder for all runs). Interrupted? The same command goes on.
Research use only.
HELP
    exit 0
    ;;
esac

. "$ROOT/workflow/setup.sh"
exec "$PYTHON" "$ROOT/workflow/run.py" "$@"
