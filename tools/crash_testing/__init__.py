"""What survives when a process is killed at a bad moment: the rooms of `poe crash-test`.

What is counted, of what the product's calls had acknowledged (returned) before the kill, or of what a reader was given:

- loss: acknowledged, and not there to the letter;
- duplicate: there twice;
- stale hit: found though it was deleted, replaced, or never completed;
- unreadable: an error where there should be an answer.
"""
