"""Writes tests/deploy/kubernetes-schema.json: of Kubernetes' own schemas, those of our manifests.

`uv run --with kubernetes-validate==1.37.0 python tests/deploy/kubernetes_schema.py`. The package
has 17,000 files, which no test run should have to install.

Source: the OpenAPI document of Kubernetes 1.34 (Apache-2.0), as kubernetes-validate has it, strict.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

VERSION = "v1.34.0-local-strict"
HERE = Path(__file__).parent
MANIFESTS = sorted((HERE.parents[1] / "deploy" / "kubernetes").glob("*.yaml"))
BUNDLE = HERE / "kubernetes-schema.json"


def bare(schema: Any) -> Any:
    """A schema without what only people read; what it refers to stands in the same file."""
    if isinstance(schema, dict):
        kept = {name: part for name, part in schema.items() if not is_prose(name, part)}
        return {name: bare(part) for name, part in kept.items()}
    if isinstance(schema, list):
        return [bare(one) for one in schema]
    return schema.replace("/api/_definitions.json#", "#") if isinstance(schema, str) else schema


def is_prose(name: str, part: object) -> bool:
    """Whether it explains; a property may have such a name, too, and is a schema then."""
    return name.startswith(("x-kubernetes-", "$id")) or (
        name == "description" and isinstance(part, str)
    )


def main() -> None:
    """Write it anew."""
    folder = files("kubernetes_validate").joinpath("kubernetes-json-schema", VERSION)
    every = bare(json.loads(folder.joinpath("_definitions.json").read_text())["$defs"])
    kinds: dict[str, Any] = {}
    for path in MANIFESTS:
        for one in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            group, _, version = f"/{one['apiVersion']}".rpartition("/")
            name = "-".join(filter(None, (one["kind"].lower(), group.strip("/").split(".")[0])))
            schema = folder.joinpath(f"{name}-{version}.json").read_text()
            kinds[f"{one['apiVersion']} {one['kind']}"] = bare(json.loads(schema))
    needed, left = dict[str, Any](), [json.dumps(kinds)]
    while left:
        for name in re.findall(r'"#/\$defs/([^"]+)"', left.pop()):
            if name not in needed:
                needed[name] = every[name]
                left.append(json.dumps(every[name]))
    text = json.dumps({"kinds": kinds, "$defs": needed}, sort_keys=True, indent=0)
    BUNDLE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
