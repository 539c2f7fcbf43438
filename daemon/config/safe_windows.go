package config

import "fmt"

// checkOwner refuses: a check that is left out would look like one that was
// passed.
func checkOwner(s step) error {
	return fmt.Errorf("%s: asking who may write a configuration file: not on windows yet", s.path)
}

func checkPrivate(step) error { return nil } // checkOwner has refused
