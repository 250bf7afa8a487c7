"""Virtual blood glucose meters."""
