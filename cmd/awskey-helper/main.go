// Command awskey-helper answers credential_process with the credentials of one
// profile. See package helper.
package main

import (
	"os"

	"github.com/awskeyd/awskeyd/helper"
)

func main() {
	os.Exit(helper.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}
