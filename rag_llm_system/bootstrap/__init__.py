"""From settings to services: the only place that knows which adapter is used.

Each function opens what one kind of process needs, and closes it at the end. Adapters are imported where they are
built, so that a process loads only what it uses. One module for each kind of process; beneath them, one for each port
whose adapter the settings choose.
"""
