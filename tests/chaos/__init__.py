"""Everything goes wrong at once, and at the end each destination holds what it should, once.

`python -m tests.chaos --seconds 600 --seed 7`, or `make chaos MINUTES=10`. The stage is that of the
demonstration: virtual devices, sandbox and daemon in processes of their own. `plan` draws what goes
wrong and when, `acts` carries it out, `diary` keeps whose consent stood when, `accounts` compares
what must be at each destination with what is there.
"""
