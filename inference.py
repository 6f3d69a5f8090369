"""Score calls.

python inference.py CALL.wav [CALL.wav …] [--customer-channel auto|left|right|mixed]
[--format table|json|csv] [--output FILE]
"""

import sys

from calmscore.analysis.call import analyze_call, analyze_recording, run
from calmscore.network.classifier import EmotionClassifier, load_classifier
from calmscore.outputs.terminal import main

__all__ = ["EmotionClassifier", "analyze_call", "analyze_recording", "load_classifier", "run"]

if __name__ == "__main__":
    sys.exit(main())
