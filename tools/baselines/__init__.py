"""The same training written for other libraries, for `microgpt bench --against`."""
