"""Conformance suites that judge an implementation from the outside."""
