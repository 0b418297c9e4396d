"""Tables of what is known to be wrong with published datasets, one JSON file each; `errata.py` reads them."""
