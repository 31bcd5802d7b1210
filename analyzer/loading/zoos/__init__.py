"""Models of torchvision, timm and transformers, built without downloading."""
