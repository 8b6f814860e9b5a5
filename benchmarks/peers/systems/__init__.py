"""One file for each system that is measured, and what pip installs for it beside it.

Such a file has a class `System`. `System(weights, folder)` loads what it needs: the embedder's weights lie in
`weights`, and `folder` is its own. `index(passages)` makes passages (id, title, text) findable. `search(question, k)`
gives the ids of the first `k` passages, best first. It is written as its own documentation shows it to its users.
"""
