"""The dashboard with a stub classifier and a stub transcriber: python tests/stub_dashboard.py PORT.

Words are written down unless the environment turns them off.
"""

import sys
from pathlib import Path

from streamlit.web import cli

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from stub_classifier import stub_classifier  # noqa: E402
from stub_transcriber import stub_transcriber  # noqa: E402

from calmscore.network import classifier  # noqa: E402
from calmscore.words import transcriber  # noqa: E402

if __name__ == "__main__":
    setattr(classifier, "load_classifier", stub_classifier)  # noqa: B010
    setattr(transcriber, "load_transcriber", stub_transcriber)  # noqa: B010
    sys.exit(cli.main(["run", str(ROOT / "app.py"), "--server.port", sys.argv[1]]))
