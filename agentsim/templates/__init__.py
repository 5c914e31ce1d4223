"""What `agentsim new` copies: a brain and a world that work, each in one file, with a test and a config."""
