"""``python -m vcfnb``: see :mod:`vcfnb.cli`."""

import sys

from vcfnb.cli import main

if __name__ == "__main__":
    sys.exit(main())
