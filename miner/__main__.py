"""``python -m miner`` is ``miner``."""

from miner.cli import main

if __name__ == "__main__":
    main()
