"""What is drawn: meshes, materials, lights and the environment, built in or read from files."""
