"""A workspace as a folder: made from a `template`, and checked; `live` asks what is outside."""
