"""External validation: score a second cohort with a frozen model, and evaluate it."""

import sys
from functools import partial
from pathlib import Path

from vcfnb.cli.output import checked, errors_of, problems_text
from vcfnb.errors import VcfnbError

SUMMARY = "Score another cohort with the model of a study, and evaluate it there: AUC, calibration, decision curves."


def add_arguments(parser):
    parser.add_argument("model", type=Path, help="folder 06_fusion/model of a finished study")
    parser.add_argument("cohort", type=Path, help="the new table, such as cohort.csv")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="results; by default validation/ beside the table")
    parser.add_argument(
        "--exclude-bad", action="store_true", help="leave out cases that cannot be used, or were trained on"
    )
    parser.add_argument("--label-column", default="label", help="column with 1 (acute) and 0 (chronic)")
    parser.add_argument("--min-voxels", type=int, default=100, help="smallest ROI, voxels of the original image")
    parser.add_argument("--bootstrap", type=int, default=2000, help="bootstrap samples for bands and intervals")
    parser.add_argument("--seed", type=int, default=1, help="of bootstrap samples and folds")
    parser.add_argument("--cores", type=int, help="worker processes; by default all cores")


def run(arguments):
    """Check, score, evaluate, write; 1 where the cohort or the model cannot be used."""
    import pandas as pd

    from vcfnb import cohort, fusion, prediction, runs

    model = fusion.load_model(arguments.model)
    folder = arguments.out or arguments.cohort.parent / "validation"
    table, problems = cohort.check_table(arguments.cohort, arguments.label_column)
    # A folder that cannot be made is found before the images are read.
    runs.make_folder(folder)
    simulated = cohort.is_simulated(table)
    problems = _checked(model, table, problems, arguments)
    runs.write_csv(problems, folder / "problems.csv")
    if not _usable(problems, arguments):
        return 1
    table, exclusions = cohort.apply_exclusions(table, problems, "exclude")
    scores, failed = prediction.score_cohort(model, table, folder, arguments.cores)
    if not _usable(failed, arguments):
        return 1
    exclusions = pd.concat([exclusions, cohort.apply_exclusions(table, failed, "exclude")[1]], ignore_index=True)
    if scores["label"].nunique() < 2:
        raise VcfnbError(
            f"{len(scores)} cases are left, without one of each label", "give acute and chronic cases", code="one-class"
        )
    evaluated = prediction.evaluate(scores, model, arguments.seed, arguments.bootstrap)
    page = prediction.write_report(folder, model, scores, evaluated, exclusions, simulated)
    _say(model, scores, evaluated, exclusions, simulated)
    print(f"wrote {page}, and the tables and figures beside it")
    return 0


def _checked(model, table, problems, arguments):
    """All that is wrong with the cohort for this model: table, clinical values, headers, voxels, training cases."""
    from vcfnb import cohort, prediction

    cores = arguments.cores
    return checked(
        table,
        # Repeat segmentations are not looked at here.
        problems[problems["code"] != "segmentations-missing"],
        partial(prediction.case_problems, model),
        partial(cohort.check_headers, cores=cores),
        partial(cohort.check_voxels, min_voxels=arguments.min_voxels, cores=cores),
        partial(prediction.trained_on, model, cores=cores),
    )


def _usable(problems, arguments):
    """Print what is wrong; whether the validation can go on."""
    errors = errors_of(problems)
    if len(errors) < len(problems):
        print(f"{len(problems) - len(errors)} warning(s), see problems.csv", file=sys.stderr)
    if not len(errors):
        return True
    print(problems_text(errors, arguments.cohort.parent))
    if (errors["case_id"] == "").any():
        print(f"{len(errors)} error(s). Mend them; what belongs to no single case cannot be left out.")
        return False
    if not arguments.exclude_bad:
        print(f"{len(errors)} error(s). Mend them, or leave such cases out with --exclude-bad.")
        return False
    print(f"{errors['case_id'].nunique()} case(s) left out.")
    return True


def _say(model, scores, evaluated, exclusions, simulated):
    kind = "SIMULATED cases" if simulated else "cases"
    print(f"{len(scores)} {kind} of {scores['patient_id'].nunique()} patients, {len(exclusions)} left out.")
    for row in evaluated["auc"].query("cases == 'all'").itertuples():
        print(f"  {row.model:<10} AUC {row.auc:.3f} ({row.newcombe_low:.3f}-{row.newcombe_high:.3f})")
    first = evaluated["outside"].iloc[0]
    print(f"  {first['n']} of {first['of']} cases lie outside the training data")
    print(f"Trained on: {model.trained_on}.")
    print(model.about["notice"])
