"""The command line."""

import os

# Threads of torch, LightGBM and the like that wait for one another sleep instead of spinning: on cores that other work
# shares, spinning took ten times the processor time of learning itself. It is read when those libraries are loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
