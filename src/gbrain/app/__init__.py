"""The composition root: settings in, a wired brain out."""
