"""Virtual scales."""
