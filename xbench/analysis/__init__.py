"""From raw samples to what is said of them. Pure: no process, no file, no clock."""
