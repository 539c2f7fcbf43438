// Command awskey is what a person types: it asks the daemon over its socket
// and says the answer in a person's words, or as one JSON document.
//
// It must never open the keychain, speak to AWS, or take a secret as an
// argument; it links neither the store nor the AWS SDK.
package main

import (
	"os"

	"github.com/awskeyd/awskeyd/helper"
)

func main() {
	_ = helper.NoDumps() // where the system refuses, a secret is typed all the same
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
