"""The PostgreSQL server itself: the embedded one's life cycle, and the pool of connections to any."""
