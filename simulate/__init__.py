"""A .tflite or an ELF in; exact outputs, instruction counts and differences out."""
