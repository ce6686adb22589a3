"""The report of a run: a page that shows what was trained, how that went, and what the model does."""
