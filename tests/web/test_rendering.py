"""What templates cost whoever looks at none."""

import subprocess
import sys


def test_a_hub_that_nobody_looks_at_loads_no_templates() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import gateway.app, sys; print('jinja2' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert loaded.stdout == "False\n"
