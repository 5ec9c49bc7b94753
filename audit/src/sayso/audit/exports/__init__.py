"""The log in other people's formats; every row carries what proves it."""
