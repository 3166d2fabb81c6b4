"""What a user would pick instead of multihead: the same model, loss, optimizer and batches, in Python."""
