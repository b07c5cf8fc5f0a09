"""The worker side: RQ jobs, training, evaluation and their commands."""

import os

# Before torch or CTranslate2 load their OpenMP runtime, which reads this once: idle threads sleep. By default they
# spin, and beside web processes on the same cores a training then takes several times as long, and so do they.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
