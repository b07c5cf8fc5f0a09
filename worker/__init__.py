"""The worker side: RQ jobs, training, evaluation and their commands."""

import os

# Before torch or CTranslate2 load their OpenMP runtime, which reads this once: idle threads sleep. By default they
# spin, and beside web processes on the same cores a training then takes several times as long, and so do they.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# NumPy's matrices are those of reward heads, which are small: a second thread only spins. On two busy cores the head of
# 400 clicks took 22 s with two threads, and half a second with one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
