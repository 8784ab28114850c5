"""`wakesmith compare`: schemes side by side, each as far as it goes towards the chip."""
