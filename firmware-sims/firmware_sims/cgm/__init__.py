"""Virtual continuous glucose monitors."""
