"""The HTTP service: ``uvicorn --factory api:create_app``."""

from calmscore.service.application import create_app

__all__ = ["create_app"]
