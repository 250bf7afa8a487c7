"""A public kit for driver authors: a clock, scripted links, a session that keeps what it is given."""
