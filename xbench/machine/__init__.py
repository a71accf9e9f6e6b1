"""What this machine is and what a process of it uses. Reads /proc and /sys; measures no model."""
