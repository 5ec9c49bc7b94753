"""The witness over HTTP: C2SP tlog-witness, and the newest checkpoint of each log."""

from sayso.surfaces.witness.server import create_witness_app, serve_witness

__all__ = ["create_witness_app", "serve_witness"]
