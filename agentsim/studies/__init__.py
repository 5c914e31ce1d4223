"""What every comparison shares: its rows, its runs, its figures and its pages."""
