"""The append-only truth on this machine, and what is still owed to whom."""
