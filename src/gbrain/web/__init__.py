"""The brain over HTTP."""
