"""`agentsim adapt`: does a brain act well, does it adapt, does it still know the other task; beside every control."""
