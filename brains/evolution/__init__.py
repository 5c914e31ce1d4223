"""Learning without a gradient: evolution strategies of low rank."""
