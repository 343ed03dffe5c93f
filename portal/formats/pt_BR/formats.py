"""Figures only: in the lists of the administration the month in letters pushed other columns out of sight."""

DATETIME_FORMAT = "d/m/Y H:i"
