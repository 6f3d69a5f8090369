"""Train, evaluate and compare the Keras networks.

python model.py train|evaluate|compare|cross-validate …
"""

import sys

from calmscore.training.command import main

if __name__ == "__main__":
    sys.exit(main())
