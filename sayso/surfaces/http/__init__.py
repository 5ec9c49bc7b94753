"""The HTTP API on FastAPI, thin over the SDK. docs/http-api.md shows it in use."""

from __future__ import annotations

from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.server import serve

__all__ = ["create_app", "serve"]
