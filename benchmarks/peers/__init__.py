"""This product beside its peers, each in an environment of its own, on the same passages and questions."""
