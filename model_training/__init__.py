"""Train and judge the networks behind StrokeApp."""
