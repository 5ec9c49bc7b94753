# The five of every day, for whoever has just (https://just.systems); each is a line of ./run.

# What there is.
default:
    @just --list

# See it work.
demo *words:
    ./run demo {{words}}

# What CI runs.
test *words:
    ./run test {{words}}

# What your change can break, without building the wheels.
check revision="main":
    ./run --group dev --all-extras pytest -n 2 --since {{revision}}

# Set what can be set by itself: layout, imports, and the pages that are made from code.
fix:
    ./run --group dev --all-extras ruff check --fix .
    ./run --group dev --all-extras ruff format .
    ./run --group dev --all-extras python tests/generated.py

# The site of docs/, in site/.
docs:
    ./run --group docs sphinx-build -W docs site
