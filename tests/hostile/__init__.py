"""Files and messages crafted to harm their reader, each read in a process of its own that is measured and watched."""
