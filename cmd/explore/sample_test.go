//go:build !long

package main

// stride is how many mutants there are for one that is hunted: a sample, since
// each is a build and a search.
const stride = 6
