"""A public kit for driver authors: a clock, scripted links, a recording session."""
