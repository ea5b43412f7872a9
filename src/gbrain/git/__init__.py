"""Reading repositories through the `git` program, without running anything a repository brings along."""
