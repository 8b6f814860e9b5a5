"""What runs, in order: each file is one pipeline."""

from steps.zenml_environment import set_zenml_environment

set_zenml_environment()
