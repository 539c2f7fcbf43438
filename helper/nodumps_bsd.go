//go:build unix && !linux

package helper

func notDumpable() error { return nil }
