"""What an auditor can ask for, and how it is found."""
