"""gbrain: many git repositories kept in one searchable Postgres brain, and the truth about how fresh it is."""

__version__ = "0.1.0"
