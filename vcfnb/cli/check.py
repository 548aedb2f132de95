"""Check a whole cohort before any long work: the table, then the headers of all files, then their voxels."""

import sys
import time
from pathlib import Path

SUMMARY = "Say everything that is wrong with a cohort.csv and its files."


def add_arguments(parser):
    parser.add_argument("cohort", type=Path, help="the table, such as cohort.csv")
    parser.add_argument("--label-column", default="label", help="column with 1 (acute) and 0 (chronic)")
    parser.add_argument("--min-voxels", type=int, default=100, help="smallest ROI, voxels of the original image")
    parser.add_argument("--quick", action="store_true", help="table and headers only: seconds, whatever the images")
    parser.add_argument("--csv", type=Path, metavar="OUT", help="write the table of problems there, too")
    parser.add_argument("--cores", type=int, help="worker processes; by default all cores")


def run(arguments):
    """Print the problems; 1 where a case cannot be used, 0 where there are none or only warnings."""
    import pandas as pd

    from vcfnb import cohort, runs
    from vcfnb.errors import BadInput

    started = time.time()
    folder = arguments.cohort.parent
    try:
        table, problems = cohort.check_table(arguments.cohort, arguments.label_column)
    except BadInput as error:
        return _report(error.problems.assign(severity="error"), arguments, "The table cannot be used")
    bad = _cases(problems)
    headers = cohort.check_headers(table[~table["case_id"].isin(bad)], arguments.cores)
    problems = pd.concat([problems, headers], ignore_index=True)
    usable = table[~table["case_id"].isin(_cases(problems))]
    problems = pd.concat([problems, cohort.check_size(usable)], ignore_index=True)
    if not arguments.quick:
        if (problems["severity"] == "error").any():
            # Long before all voxels are read.
            found = problems[problems["severity"] == "error"]
            print(f"After {time.time() - started:.0f} s, from table and headers:", file=sys.stderr)
            print(_text(found, folder), file=sys.stderr, flush=True)
        voxels = cohort.check_voxels(usable, arguments.min_voxels, arguments.cores)
        problems = pd.concat([problems, voxels], ignore_index=True)
        usable = usable[~usable["case_id"].isin(_cases(problems))]
    told = f"{len(table)} cases of {table['patient_id'].nunique()} patients, {len(usable)} can be used"
    told += f" ({int((usable['label'] == 1).sum())} acute, {int((usable['label'] == 0).sum())} chronic)"
    if arguments.quick:
        told += "; voxels were not looked at"
    if arguments.csv:
        runs.write_csv(problems, arguments.csv)
    return _report(problems, arguments, told)


def _cases(problems):
    return problems.loc[problems["severity"] == "error", "case_id"]


def _text(problems, folder):
    from vcfnb.cli.output import problems_text

    return problems_text(problems, folder)


def _report(problems, arguments, told):
    """Errors first."""
    problems = problems.sort_values("severity", kind="stable")
    if len(problems):
        print(_text(problems, arguments.cohort.parent))
    n_errors, n_warnings = ((problems["severity"] == kind).sum() for kind in ("error", "warning"))
    print(f"{told}: {n_errors} error(s), {n_warnings} warning(s).")
    if n_errors:
        # Errors without a case are the table's: no case can be left out for them.
        one_by_one = _cases(problems).astype(bool).any()
        print("Mend them" + (", or leave such cases out with on_bad_case: exclude." if one_by_one else "."))
    return int(n_errors > 0)
