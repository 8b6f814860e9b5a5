"""For `poe doctor`: what is installed, set, stored, reachable.

What is not there yet is not made. Opening what is there does what opening it always does: an embedded index is locked
for a moment and its engine puts its journals away.
`checks.py` puts the checks in order; the others hold one kind each. What goes wrong in a check is raised as it is:
`application/diagnosis/examination.py` makes a finding of it.
"""
