"""METRICS and CLEAR, the checklists of radiomics studies, filled from a run's own parameters and results.

What the run cannot know is left to the authors (section ``reporting`` of the params file) and never assumed.
"""

from vcfnb.checklists.answers import NEEDS_YOU, fill
from vcfnb.checklists.catalogue import CHECKLISTS, items
from vcfnb.checklists.folder import RunFolder
from vcfnb.checklists.page import page_body, summary
from vcfnb.checklists.score import Score, metrics_score

__all__ = ["CHECKLISTS", "NEEDS_YOU", "RunFolder", "Score", "fill", "items", "metrics_score", "page_body", "summary"]
