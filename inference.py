"""Score calls.

python inference.py CALL.wav [CALL.wav …] [--customer-channel auto|left|right|mixed]
[--format table|json|csv] [--output FILE] [--transcript]
"""

from calmscore.analysis.call import analyze_call, analyze_recording, run
from calmscore.cli import inference as main
from calmscore.network.classifier import EmotionClassifier, load_classifier

__all__ = ["EmotionClassifier", "analyze_call", "analyze_recording", "load_classifier", "run"]

if __name__ == "__main__":
    main()
