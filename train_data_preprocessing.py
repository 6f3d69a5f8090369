"""Turn a corpus into the labelled, speaker-disjoint sets that training reads.

python train_data_preprocessing.py --data data/AudioWAV --output data/training
"""

import sys

from calmscore.training.preparation import main

if __name__ == "__main__":
    sys.exit(main())
