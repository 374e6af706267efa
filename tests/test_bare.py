"""What works without the extras: here without numba, which the engine of events needs."""

import subprocess
import sys

WITHOUT = """
import sys
for name in ("numba", "llvmlite", "pandas", "optuna", "jinja2", "matplotlib", "ray", "nir"):
    sys.modules[name] = None
import spkeras
cnn, (x, y), (x_test, y_test) = spkeras.demo()
snn = spkeras.convert(cnn, x[:100], timesteps=4, verbose=0)
result = spkeras.evaluate(snn, x_test[:20], y_test[:20], verbose=0)
table = spkeras.sweep(cnn, (x_test[:40], y_test[:40]), ["sigma_delta"], timesteps=[2], verbose=0)
print(result.engine, len(table.points), spkeras.summary(snn).neurons > 0)
try:
    spkeras.evaluate(snn, x_test[:20], engine="events", verbose=0)
except spkeras.errors.SpkerasError as error:
    print(error)
"""


def test_the_main_job_needs_no_extra():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "dense 1 True" and "numba" in second and "spkeras[events]" in second
