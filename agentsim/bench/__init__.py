"""`agentsim bench`: how fast ticks and worlds are, how well brains learn, and what the controls are worth."""
