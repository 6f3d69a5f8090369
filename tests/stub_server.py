"""A server process with the stub classifier, slowed down, for tests that kill it.

    python tests/stub_server.py DATA_FOLDER SECONDS_PER_CALL [--url DATABASE] [--port PORT]

Prints its address once it is up.
"""

import argparse
import socket
import time
from datetime import timedelta
from pathlib import Path

import uvicorn
from service_store import UNHURRIED
from stub_classifier import stub_classifier

from calmscore.connections import BoundedProtocol
from calmscore.intake import attempt
from calmscore.intake.queue_timing import QueueTiming
from calmscore.service.application import create_app
from calmscore.store import Store, jobs

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("seconds", type=float)
parser.add_argument("--url")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--leases-as-shipped", action="store_true")
options = parser.parse_args()

timing = QueueTiming()
if not options.leases_as_shipped:
    # Tests do not wait for the leases of the dead.
    jobs.LEASE = timedelta(seconds=2)
    timing = QueueTiming(beat_seconds=0.3, look_every_seconds=0.3)
take_in = attempt.take_in


def slow(*arguments, **named):
    time.sleep(options.seconds)
    return take_in(*arguments, **named)


attempt.take_in = slow
app = create_app(
    Store(options.folder, url=options.url), stub_classifier(), settings=UNHURRIED, timing=timing
)
with socket.create_server(("127.0.0.1", options.port)) as listening:
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="warning", http=BoundedProtocol)
    uvicorn.Server(config).run(sockets=[listening])
