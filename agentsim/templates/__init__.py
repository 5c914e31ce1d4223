"""What `agentsim new` copies: a brain, world, layer type and rule that work, each one file, with its test and YAML."""
