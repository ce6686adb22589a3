"""The commands: `microgpt NAME` is the object NAME of the file of that name."""
