package main

// consoleOut is the terminal itself, wherever the standard streams go.
const consoleOut = "CONOUT$"
