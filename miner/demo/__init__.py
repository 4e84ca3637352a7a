"""The demonstration: a PACS on loopback, made-up patients with known lesions, and the report of what was mined."""
