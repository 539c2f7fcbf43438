// Command awskeyd is the service: it holds the access keys of IAM users in the
// system's keychain, rotates them, and hands them to awskey-helper.
//
// It alone links the keyring library and the AWS SDK.
package main

import (
	"fmt"
	"os"

	"github.com/awskeyd/awskeyd/daemon"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/packaging/service"
)

func main() {
	handed, err := service.Receive()
	if err != nil {
		fmt.Fprintln(os.Stderr, "awskeyd: "+helper.Line(err.Error()))
		os.Exit(helper.ExitFailed)
	}
	os.Exit(daemon.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr, keychains, daemon.Starter{
		Run: service.Run, Socket: handed.Socket, Watchdog: handed.Watchdog, Tell: handed.Tell, Again: handed.Again, Alone: true,
	}))
}
