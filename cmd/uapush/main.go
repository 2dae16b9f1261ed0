// Command uapush manages the endpoints, certificates and trust lists of OPC UA
// servers by PushManagement (OPC 10000-12, 7.7).
package main

import (
	"os"

	"github.com/uapush/uapush/cmd"
)

func main() { os.Exit(cmd.Main(os.Args[1:], cmd.Process())) }
