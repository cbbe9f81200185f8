"""`python -m rlvr_gym` is the command `rlvr`."""

import sys

from rlvr_gym.cli import main

if __name__ == "__main__":
    sys.exit(main())
