"""Canaries: identifiers planted everywhere in made-up objects, and a scanner that decodes what the miner writes.

Each canary is unique and remembers its place. A corpus of objects full of them goes through the whole pipeline; then
everything that was written outside the vault is searched for every surface form of each.
"""
