// CoreDNS with the plugins a one-node cluster needs: kubernetes answers the names of the cluster, and
// template answers any other name at once, so that no query leaves the machine.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func init() {
	// The chain's order. CoreDNS's own puts template first, which would answer everything.
	dnsserver.Directives = []string{"ready", "health", "errors", "log", "cache", "kubernetes", "template"}
}

func main() { coremain.Run() }
