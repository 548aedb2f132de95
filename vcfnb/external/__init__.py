"""External validation: a second cohort scored with a frozen model."""

from vcfnb.external.judging import judge
from vcfnb.external.report import write_report
from vcfnb.external.scoring import case_problems, score_cohort, trained_on

__all__ = ["case_problems", "judge", "score_cohort", "trained_on", "write_report"]
