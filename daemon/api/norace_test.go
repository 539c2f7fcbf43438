//go:build unix && !race

package api

const raced = false
