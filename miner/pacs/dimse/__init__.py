"""A PACS over DIMSE (PS3.7, PS3.8): associations, queries, retrievals, and the door that C-MOVE knocks at."""
