"""The same training in other hands, for `microgpt bench --against`."""
