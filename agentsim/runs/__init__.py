"""What a recorded run is, as against a simulation: its directory, its checkpoint, and how to go on from them."""
