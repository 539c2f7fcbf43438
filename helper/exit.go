package helper

// Exit codes of all three programs.
const (
	ExitOK       = 0
	ExitFailed   = 1
	ExitUsage    = 2 // wrong usage, or bad configuration
	ExitNoDaemon = 3
	ExitLocked   = 4 // the store is locked or blocked
	ExitUnknown  = 5 // no such key or profile
	ExitRefused  = 6 // by policy, or by unsafe file permissions
	ExitAWS      = 7 // AWS refused
	ExitHeld     = 8 // held or under way
)
