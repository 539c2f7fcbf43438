package service

import "errors"

// Again cannot be on Windows.
func (h *Handed) Again() error {
	return errors.New("awskeyd must be started again to reach the keychain")
}

func keepOnExec(bool) {}
