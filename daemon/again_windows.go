package daemon

import "errors"

func again() error { return errors.New("awskeyd must be started again to reach the keychain") }
