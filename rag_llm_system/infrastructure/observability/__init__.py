"""What watches runs and requests from outside."""
