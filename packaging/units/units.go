package main

import "github.com/awskeyd/awskeyd/packaging/register"

// units are those that awskey service install writes too.
func units(program string) map[string]string {
	return register.Units(register.Service{Program: program})
}
