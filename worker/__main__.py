"""`python -m worker`."""

import sys

try:
    from worker.cli import main

    sys.exit(main())
except KeyboardInterrupt:  # while the libraries were imported
    print("\nInterrupted.", file=sys.stderr)
    sys.exit(130)
