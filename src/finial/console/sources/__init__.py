"""Where the console's figures come from: each source asks one thing, keeps its latest reading, and never raises for
being refused: a reading says what could not be had, and why."""
