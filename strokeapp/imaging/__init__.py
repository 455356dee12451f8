"""Turn scans into network input. Training and the app share this room and nothing else does its work."""
