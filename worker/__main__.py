"""`python -m worker`."""

import sys

from worker.commands.support import unexpected
from worker.commands.support.interruption import is_interruption

try:
    from worker.cli import main

    sys.exit(main())
except (KeyboardInterrupt, Exception) as error:  # while the libraries were imported
    if not is_interruption(error):
        print(unexpected.report(error), file=sys.stderr)
        sys.exit(1)
    print("\nInterrupted.", file=sys.stderr)
    sys.exit(130)
