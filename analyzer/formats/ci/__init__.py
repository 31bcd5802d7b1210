"""What pull requests and continuous integration show."""
