"""Speech in, quantized Keras model out."""
