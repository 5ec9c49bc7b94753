"""Rows and transactions on SQLite; knows no domain word."""
