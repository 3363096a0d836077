"""Judging: scores, tables, intervals, figures, cards and reports."""
