"""What a run reports of itself; what it trains is tested method by method."""

import resource
import subprocess
import sys

from worker.training.run.runner import _peak_memory


def test_peak_memory_includes_that_of_a_process_beside() -> None:
    subprocess.run([sys.executable, "-S", "-c", "bytearray(2**26).replace(b'0', b'1')"], check=True)
    alone = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert _peak_memory() - alone >= 2**26
