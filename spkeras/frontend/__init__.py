"""Ways into spkeras: what turns a file or an object into a Keras model."""
