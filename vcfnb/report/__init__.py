"""Pages: their frame, and the checklists of the report."""
