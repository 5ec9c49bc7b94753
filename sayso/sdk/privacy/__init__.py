"""What a customer may ask for, and what the law asks of those who keep their words."""
