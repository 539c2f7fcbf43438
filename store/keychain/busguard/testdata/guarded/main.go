// Command guarded links the keyring library as awskeyd does and says what it
// found at start.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/keychain/busguard"
)

func main() {
	fmt.Println("main is reached")
	fmt.Printf("reason %q\n", busguard.Reason())
	fmt.Printf("recovered %v\n", busguard.Recovered(context.Background()))
	fmt.Printf("environment %q\n", os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	k, err := keychain.Open(keychain.Config{Backend: keychain.SecretService})
	fmt.Printf("open %v\n", err)
	if err == nil {
		k.Close()
	}
	if len(os.Args) > 1 { // wait for a line, then look for a bus again
		fmt.Scanln()
		fmt.Printf("recovered %v\n", busguard.Recovered(context.Background()))
	}
}
