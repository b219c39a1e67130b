// Command influxd runs the InfluxDB 2 server that Fieldline's tests talk to.
//
// InfluxDB publishes no server package that a package registry carries, but its
// sources are an ordinary Go module. This program adds only what its own
// cmd/influxd adds: the storage engine and index, registered by import.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/influxdata/influxdb/v2"
	"github.com/influxdata/influxdb/v2/cmd/influxd/launcher"
	_ "github.com/influxdata/influxdb/v2/tsdb/engine/tsm1"
	_ "github.com/influxdata/influxdb/v2/tsdb/index/tsi1"
	"github.com/spf13/viper"
)

// version is set by the linker from the version that go.mod requires.
var version = "dev"

func main() {
	influxdb.SetBuildInfo(version, "none", "unknown")
	command, err := launcher.NewInfluxdCommand(context.Background(), viper.New())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	command.SilenceUsage = true
	if err := command.Execute(); err != nil {
		os.Exit(1)
	}
}
