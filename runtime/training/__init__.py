"""The training application: taking steps, sampling, evaluating, and what a run leaves behind."""
