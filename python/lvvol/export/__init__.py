"""Results for other programs, one file a form: each turns a `Prediction` into named contents."""
