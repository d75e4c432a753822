"""A Prediction for people and programs: a table, a JSON file and a picture."""
