"""Measurements that anyone can repeat: `python -m bench` lists them. They start the real application and speak to it as browsers do."""
