"""Pure values that every part shares: readings, quantities, devices, time, people."""
