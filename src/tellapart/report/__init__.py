"""Report: figures and the page, made from a run folder alone."""
