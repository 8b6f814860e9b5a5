"""Units of work: each asks bootstrap for a service, calls it, and notes what happened as metadata."""

from steps.zenml_environment import set_zenml_environment

set_zenml_environment()
