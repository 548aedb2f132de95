"""METRICS and CLEAR, the checklists of radiomics studies, filled from a run's own parameters and results.

What the run cannot know is left to the authors (section ``reporting`` of the params file) and never assumed.
"""

from vcfnb.report.checklists.answers import NEEDS_YOU, fill
from vcfnb.report.checklists.catalogue import CHECKLISTS, items
from vcfnb.report.checklists.folder import RunFolder
from vcfnb.report.checklists.page import page_body, summary
from vcfnb.report.checklists.score import Score, metrics_score
