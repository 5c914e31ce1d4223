"""What a process, a machine and its files are to the rest: nothing here knows a brain, a world or a run."""
