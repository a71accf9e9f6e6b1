"""Says why a variant is not as fast as its ideal: from a record alone, each reason with its evidence."""
