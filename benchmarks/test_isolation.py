"""A process of its own costs little beside grading: at most half as much again.

pytest benchmarks/test_isolation.py -s
"""

import subprocess
import sys
import time

from conformance.sessions.isolated import IsolatedSession

RUNS = 2
LIMIT = 1.5


def seconds(folder, *options):
    """A whole run of pytest over every spec."""
    command = [sys.executable, "-m", "pytest", "-q", "--impl=reference", "-p", "no:cacheprovider"]
    start = time.perf_counter()
    subprocess.run([*command, *options], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def test_the_reference_in_isolation(tmp_path):
    here, there = [], []
    for _ in range(RUNS):  # in turn, so that both see the same load
        here.append(seconds(tmp_path, "--no-conformance-isolate"))
        there.append(seconds(tmp_path, "--conformance-isolate"))
    ratio = min(there) / min(here)
    print(f"\nin process {min(here):.1f} s, isolated {min(there):.1f} s: {ratio:.2f} times as long")
    assert ratio <= LIMIT


def test_a_worker_starts_quickly():
    times = []
    for _ in range(5):
        start = time.perf_counter()
        IsolatedSession("reference").close()
        times.append(time.perf_counter() - start)
    print(f"\na worker with the reference starts in {min(times):.2f} s")
    assert min(times) < 1
