"""Keras model in, .tflite out; .tflite in, graph, plan and C out."""
