"""The screens: pages for the owner and for the kiosk, served by the daemon beside its API."""
