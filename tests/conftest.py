"""Settings that all tests share."""

from hypothesis import settings

# Deadlines measure the machine and what else runs on it, not the code.
settings.register_profile("microgpt", deadline=None)
settings.load_profile("microgpt")
