"""What is told as JSON by more than one surface: the same keys and words, whoever asks and however."""
