"""What ticks: a world, a brain and a clock."""
