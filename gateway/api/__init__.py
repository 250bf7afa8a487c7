"""The local HTTP interface of the daemon."""
