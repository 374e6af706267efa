"""Train the CNNs of this folder: architectures, recipes, augmentation, and the loop on PyTorch."""
