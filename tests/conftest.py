"""What holds for the whole suite."""

from hypothesis import settings

# How long an example takes says more about the machine's other work than about the code; a test
# that hangs is ended by pytest-timeout.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
