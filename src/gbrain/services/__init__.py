"""What a brain does: sync one source, sync all, verify, tell its state."""
