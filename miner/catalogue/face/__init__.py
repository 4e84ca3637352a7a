"""The catalogue's methods by subject; :class:`miner.catalogue.Catalogue` is made of them."""
