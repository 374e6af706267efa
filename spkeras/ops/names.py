"""Names that rooms without tensors need to know, too."""

NEURONS = ("binary", "signed", "burst", "signed_burst")
