"""Files of other people, checked before they are read, and files written whole."""
