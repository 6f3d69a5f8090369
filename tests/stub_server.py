"""A server process with the stub classifier, slowed down, for tests that kill it.

    python tests/stub_server.py DATA_FOLDER SECONDS_PER_CALL

Prints its address once it is up.
"""

import socket
import sys
import time
from pathlib import Path

import uvicorn
from service_store import UNHURRIED
from stub_classifier import stub_classifier

from calmscore.service import analyses
from calmscore.service.application import create_app
from calmscore.store import Store

folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
take_in = analyses.take_in


def slow(*arguments, **options):
    time.sleep(seconds)
    return take_in(*arguments, **options)


analyses.take_in = slow
app = create_app(Store(folder), stub_classifier(), settings=UNHURRIED)
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
