# nothing
// at all
