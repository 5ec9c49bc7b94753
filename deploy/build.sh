#!/usr/bin/env bash
# deploy/build.sh FOLDER [EXTRA ...]: Sayso in a new virtual environment, from this checkout.
# Its wheels are built here; what it needs comes in the versions and by the hashes of uv.lock, what
# builds it too. The image's steps are these; tests/deploy runs them without an image.
# Needs uv and a Python; reads nothing from standard input.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -ge 1 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
target=$1
shift
extras=()
for name in "$@"; do extras+=(--extra "$name"); done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export UV_NO_PROGRESS=1
cd "$root"

export_locked() { uv export --quiet --frozen --no-emit-workspace --output-file "$@"; }
export_locked "$work/needs.txt" --no-dev "${extras[@]}"
export_locked "$work/builders.txt" --only-group build

uv build --quiet --all-packages --wheel --out-dir "$work/wheels" \
  --build-constraints "$work/builders.txt" --require-hashes
uv venv --quiet --python "$(command -v python3)" "$target"
install() { uv pip install --quiet --python "$target" --no-deps --compile-bytecode "$@"; }
install --require-hashes --only-binary :all: --requirements "$work/needs.txt"
install "$work"/wheels/*.whl
"$target/bin/sayso" --version
