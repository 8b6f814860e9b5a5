"""Units of work: each asks bootstrap for a service, calls it, and notes what happened as metadata."""
