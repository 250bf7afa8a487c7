"""Virtual health devices that speak the real bytes, and a sandbox of the health space."""
