package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"ews/simulator/exchangesim"
)

// config is what the command line says.
type config struct {
	exchangeHTTPS string
	exchangeHTTP  string
	entra         string
	eliona        string
	elionaDB      string
	booking       string
	control       string

	seedFile      string
	decisionDelay time.Duration
	responseDelay time.Duration
	latency       time.Duration
	jitter        jitter
	pageSize      int
	recordDir     string
	caFile        string

	hostname              string
	requireChannelBinding bool
	organizerStyle        exchangesim.OrganizerStyle
	randomSeed            uint64
	logLevel              slog.Level
}

// jitter is by how much delays are longer at most, by chance.
type jitter struct{ latency, decision, response time.Duration }

func parseFlags(args []string, output io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&c.exchangeHTTPS, "exchange-https", "127.0.0.1:8443", "address of Exchange over TLS")
	flags.StringVar(&c.exchangeHTTP, "exchange-http", "127.0.0.1:8080", "address of Exchange in clear text")
	flags.StringVar(&c.entra, "entra", "127.0.0.1:8444", "address of the Entra authority (TLS)")
	flags.StringVar(&c.eliona, "eliona", "127.0.0.1:8081", "address of the Eliona API")
	flags.StringVar(&c.elionaDB, "eliona-db", "", "connection `string` of the database in which apps and patches are registered (default in memory)")
	flags.StringVar(&c.booking, "booking", "127.0.0.1:8082", "address of the Booking app")
	flags.StringVar(&c.control, "control", "127.0.0.1:8089", "address of the control API")
	flags.StringVar(&c.seedFile, "seed", "", "`file` with mailboxes, rooms, users and projects (default embedded)")
	flags.DurationVar(&c.decisionDelay, "decision-delay", time.Second, "time after which a room answers an invitation")
	flags.DurationVar(&c.responseDelay, "response-delay", 0, "time after which the organizer learns what a room has decided")
	flags.DurationVar(&c.latency, "latency", 0, "time added to every EWS answer")
	flags.DurationVar(&c.jitter.decision, "decision-jitter", 0, "most by which -decision-delay is longer at random")
	flags.DurationVar(&c.jitter.response, "response-jitter", 0, "most by which -response-delay is longer at random")
	flags.DurationVar(&c.jitter.latency, "latency-jitter", 0, "most by which -latency is longer at random")
	flags.IntVar(&c.pageSize, "page-size", 0, "most changes or items in one EWS answer, where clients ask for more (default no such limit)")
	flags.StringVar(&c.recordDir, "record", "", "`directory` for every EWS request and response")
	flags.StringVar(&c.caFile, "ca", "", "`file` to which the certificate of the certificate authority is written")
	flags.StringVar(&c.hostname, "hostname", "", "further host `name` of the certificates, also used in the printed addresses")
	flags.BoolVar(&c.requireChannelBinding, "require-channel-binding", false, "refuse NTLM over TLS without channel binding (Extended Protection)")
	flags.Func("organizer-style", "how items show organizers: smtp, ex (an X.500 name), name or missing (default smtp)", func(style string) error {
		c.organizerStyle = exchangesim.OrganizerStyle(style)
		if !slices.Contains(exchangesim.OrganizerStyles(), c.organizerStyle) {
			return fmt.Errorf("it is none of %q", exchangesim.OrganizerStyles())
		}
		return nil
	})
	flags.Uint64Var(&c.randomSeed, "random-seed", 0, "seed of everything random (default drawn and logged)")
	flags.TextVar(&c.logLevel, "log-level", slog.LevelInfo, "DEBUG, INFO, WARN or ERROR")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return config{}, err
	case err != nil:
		return config{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 {
		_, _ = fmt.Fprintf(output, "unexpected argument %q\n", flags.Arg(0))
		flags.Usage()
		return config{}, errUsage
	}
	if min(c.decisionDelay, c.responseDelay, c.latency, c.jitter.decision, c.jitter.response, c.jitter.latency) < 0 || c.pageSize < 0 {
		_, _ = fmt.Fprintln(output, "delays, what is added to them, and -page-size cannot be negative")
		return config{}, errUsage
	}
	for c.randomSeed == 0 {
		c.randomSeed = rand.Uint64()
	}
	return c, nil
}
