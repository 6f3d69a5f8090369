"""The HTTP service on a free port, which it prints: python benchmarks/serve_on_free_port.py."""

import socket
import sys
from pathlib import Path

import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from calmscore.connections import BoundedProtocol
from calmscore.service.application import create_app

app = create_app()
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="warning", http=BoundedProtocol)
    uvicorn.Server(config).run(sockets=[listening])
