"""Listing all checks costs little beyond pytest's own start.

pytest benchmarks/test_startup.py -s
"""

import subprocess
import sys

CODE = "import sys, time; import pytest;pytest.main(sys.argv[1:]); print(time.process_time())"


def seconds(folder, *arguments):
    command = [sys.executable, "-c", CODE, "-q", "--collect-only", *arguments]
    runs = [
        subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
        for _ in range(5)
    ]
    return min(float(run.stdout.splitlines()[-1]) for run in runs)


def test_collecting_every_spec_takes_a_few_bare_starts_of_pytest(tmp_path):
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")
    bare = seconds(tmp_path)
    specs = seconds(tmp_path, "--impl=reference")
    print(f"\nbare {bare:.2f} s, all specs {specs:.2f} s: {specs - bare:.2f} s more")
    assert specs < 5 * bare
