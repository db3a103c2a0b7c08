"""Evaluation: scores with intervals, and comparisons with tests."""
