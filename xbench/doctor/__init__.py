"""What runs here, what does not, why, and the command that mends it. Measures nothing, leaves nothing behind."""
