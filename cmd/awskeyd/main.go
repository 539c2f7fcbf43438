// Command awskeyd is the service: it holds the access keys of IAM users in the
// system's keychain, rotates them, and hands them to awskey-helper.
//
// It alone links the keyring library and the AWS SDK.
package main

import (
	"os"

	"github.com/awskeyd/awskeyd/daemon"
	"github.com/awskeyd/awskeyd/packaging/service"
)

func main() {
	os.Exit(daemon.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr, keychains, service.Run))
}
