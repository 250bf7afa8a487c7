"""The demonstration: virtual devices, a sandbox health space, the real daemon, and the sums."""
