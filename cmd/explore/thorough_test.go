//go:build long

package main

// stride is how many mutants there are for one that is hunted: all of them.
const stride = 1
