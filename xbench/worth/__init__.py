"""What a file computes, what in it can be left out, and what that can be worth on a target at best."""
