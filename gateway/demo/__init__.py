"""The demonstration: virtual devices, a sandbox health space, the real daemon, and the sums."""

from __future__ import annotations

from pathlib import Path


def show(*, seconds: int, kills: int, seed: int, keep: Path | None) -> int:
    """Run the demonstration on this terminal; returns 0 if every sum adds up."""
    from gateway.demo.play import play

    return play(seconds=seconds, kills=kills, seed=seed, keep=keep)
