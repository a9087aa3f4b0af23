"""What is drawn of a portrait to a picture: with its look, over other portraits, over a background."""
