"""Summary notices (通报): what is due, its text, channels and deliveries."""
