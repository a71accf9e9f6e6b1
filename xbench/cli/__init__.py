"""The command line. Only this wing prints to the terminal and ends the process."""
