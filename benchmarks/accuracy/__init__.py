"""How far off lvvol is, on labelled patients and phantoms."""
