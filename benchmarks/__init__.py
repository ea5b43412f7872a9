"""Measurements of whole commands, each against a floor taken in the same run."""
