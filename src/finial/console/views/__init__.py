"""What the page shows, made of readings: each view is a function of an observatory and a moment, and answers a model
that is also its description in the OpenAPI document."""
