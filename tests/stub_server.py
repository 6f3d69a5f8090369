"""A server process with the stub classifier, slowed down, for tests that kill it.

    python tests/stub_server.py DATA_FOLDER SECONDS_PER_CALL [DATABASE_URL [LEASES]]

Prints its address once it is up.
"""

import socket
import sys
import time
from datetime import timedelta
from pathlib import Path

import uvicorn
from service_store import UNHURRIED
from stub_classifier import stub_classifier

from calmscore.intake import attempt
from calmscore.intake.queue_timing import QueueTiming
from calmscore.service.application import create_app
from calmscore.store import Store, jobs

timing = QueueTiming()
folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
url = sys.argv[3] if len(sys.argv) > 3 else None
if len(sys.argv) < 5:
    # Tests do not wait for the leases of the dead.
    jobs.LEASE = timedelta(seconds=2)
    timing = QueueTiming(beat_seconds=0.3, look_every_seconds=0.3)
take_in = attempt.take_in


def slow(*arguments, **options):
    time.sleep(seconds)
    return take_in(*arguments, **options)


attempt.take_in = slow
app = create_app(Store(folder, url=url), stub_classifier(), settings=UNHURRIED, timing=timing)
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
