//go:build !linux

package helper

import "os"

func arguments([]byte) ([]string, error) { return os.Args[1:], nil }

func executable() (string, error) { return os.Executable() }
