// Command awskey-helper answers credential_process with the credentials of one
// profile. See package helper.
package main

import (
	"os"

	"github.com/awskeyd/awskeyd/helper"
)

func main() {
	_ = helper.NoDumps() // where the system refuses, it holds a secret for a moment all the same
	os.Exit(helper.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}
