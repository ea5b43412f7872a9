"""Measurements of whole commands, each against a floor taken in the same run."""

import sys
from pathlib import Path

# The servers of the tests serve here too.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
