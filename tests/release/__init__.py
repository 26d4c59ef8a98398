"""What is released: wheel, source, versions, workflows."""
