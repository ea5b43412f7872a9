"""This computer and the processes on it: who we are, who is still alive, and a clock that no one sets back."""
