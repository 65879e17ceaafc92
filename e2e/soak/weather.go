package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
)

// weather makes things go wrong around the app.
type weather struct {
	*world
	dice *rand.Rand
	// outages are the services that do not answer at all, with how they do not.
	outages map[string]map[string]any
}

// mishap is something that goes wrong once, or for a while.
type mishap struct {
	name   string
	weight int
	do     func(*weather, context.Context) error
}

var mishaps = []mishap{
	{"booking: sockets dropped", 6, func(w *weather, ctx context.Context) error { return w.drop(ctx, "booking") }},
	{"exchange: streams dropped", 6, func(w *weather, ctx context.Context) error { return w.drop(ctx, "exchange") }},
	{"entra: tokens revoked", 5, func(w *weather, ctx context.Context) error { return w.Control.RevokeTokens(ctx) }},
	{"entra: tokens live shortly", 2, (*weather).shortTokens},
	{"exchange: clock set", 3, (*weather).setClock},
	{"postgres: back ends killed", 6, (*weather).killBackends},
	{"postgres: lock lost", 4, (*weather).loseLocks},
	{"postgres: restart", 3, (*weather).restartDatabase},
	{"postgres: crash", 3, (*weather).crashDatabase},
	{"exchange: down for a while", 2, func(w *weather, ctx context.Context) error { return w.outage(ctx, "exchange") }},
	{"booking: down for a while", 3, func(w *weather, ctx context.Context) error { return w.outage(ctx, "booking") }},
	{"eliona: down for a while", 2, func(w *weather, ctx context.Context) error { return w.outage(ctx, "eliona") }},
	{"entra: down for a while", 1, func(w *weather, ctx context.Context) error { return w.outage(ctx, "entra") }},
	{"room: declines for a while", 4, func(w *weather, ctx context.Context) error { return w.moody(ctx, "decline") }},
	{"room: tentative for a while", 1, func(w *weather, ctx context.Context) error { return w.moody(ctx, "tentative") }},
	{"room: silent for a while", 1, func(w *weather, ctx context.Context) error { return w.moody(ctx, "none") }},
	{"room: slow for a while", 4, func(w *weather, ctx context.Context) error { return w.moody(ctx, "accept") }},
}

// rage lets mishaps happen until ctx ends, one after the other, under faults
// that change every few seconds.
func (w *weather) rage(ctx context.Context) error {
	total := 0
	for _, m := range mishaps {
		total += m.weight
	}
	next := time.Time{}
	for ctx.Err() == nil {
		if time.Now().After(next) {
			if err := w.change(ctx); err != nil {
				return err
			}
			next = time.Now().Add(time.Duration(6+w.dice.IntN(8)) * time.Second)
		}
		if !rest(ctx, time.Duration(w.dice.ExpFloat64()*float64(2*time.Second))) {
			return nil
		}
		n := w.dice.IntN(total)
		for _, m := range mishaps {
			if n -= m.weight; n >= 0 {
				continue
			}
			// What was begun is brought to its end: a database that stays down, or
			// a room that stays moody, is no mishap.
			if err := m.do(w, context.WithoutCancel(ctx)); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			w.tally.fault(m.name, 1)
			break
		}
	}
	return nil
}

// rules are the faults of single requests, with how likely each is at most. The
// pauses that Exchange asks for are few: all calls obey them.
func (w *weather) rules() []map[string]any {
	d := w.dice
	chance := func(most float64) float64 { return most * d.Float64() }
	exchange := func(kind string, most float64, more ...any) map[string]any {
		rule := map[string]any{"service": "exchange", "kind": kind, "probability": chance(most)}
		for i := 0; i+1 < len(more); i += 2 {
			rule[more[i].(string)] = more[i+1]
		}
		return rule
	}
	all := []map[string]any{
		exchange("status", 0.02, "status", 500),
		exchange("status", 0.01, "status", 502),
		exchange("status", 0.02, "status", 503, "count", 1, "retryAfterSeconds", d.IntN(3)),
		exchange("status", 0.02, "status", 429, "count", 1, "retryAfterSeconds", 1),
		exchange("status", 0.01, "status", 401, "count", 2),
		exchange("throttle", 0.02, "count", 2, "backOffMilliseconds", 100+d.IntN(1500)),
		exchange("responseCode", 0.1, "operation", "SyncFolderItems", "code", "ErrorInvalidSyncStateData"),
		exchange("responseCode", 0.3, "operation", "UpdateItem", "code", "ErrorIrresolvableConflict"),
		exchange("responseCode", 0.2, "operation", "CancelCalendarItem", "code", "ErrorStaleObject"),
		exchange("responseCode", 0.02, "code", "ErrorTimeoutExpired"),
		exchange("responseCode", 0.02, "code", "ErrorInternalServerTransientError"),
		exchange("soapFault", 0.01, "code", "ErrorInternalServerError"),
		exchange("resetBefore", 0.03),
		exchange("resetAfterBody", 0.2, "operation", "CreateItem"),
		exchange("resetAfterBody", 0.2, "operation", "UpdateItem"),
		exchange("resetAfterBody", 0.2, "operation", "CancelCalendarItem"),
		exchange("resetAfterBody", 0.03),
		exchange("truncate", 0.05),
		exchange("oversize", 0.02, "count", 1),
		exchange("delay", 0.05, "delayMilliseconds", 100+d.IntN(1900)),
		exchange("resetBefore", 0.3, "operation", "GetStreamingEvents"),
		{"service": "entra", "kind": "status", "status": 503, "probability": chance(0.3)},
		{"service": "entra", "kind": "delay", "delayMilliseconds": d.IntN(3000), "probability": chance(0.3)},
	}
	for _, s := range []string{"booking", "eliona"} {
		for _, f := range []struct {
			kind string
			most float64
		}{{"resetBefore", 0.05}, {"resetAfterBody", 0.1}, {"truncate", 0.07}, {"delay", 0.05}, {"throttle", 0.02}} {
			all = append(all, map[string]any{
				"service": s, "kind": f.kind, "probability": chance(f.most), "delayMilliseconds": d.IntN(2000), "retryAfterSeconds": 1,
			})
		}
		for _, status := range []int{500, 502, 503, 504} {
			all = append(all, map[string]any{"service": s, "kind": "status", "status": status, "probability": chance(0.03)})
		}
		all = append(all, map[string]any{"service": s, "kind": "oversize", "count": 1, "probability": chance(0.02)})
	}
	return all
}

// change replaces the faults of single requests by others.
func (w *weather) change(ctx context.Context) error {
	if err := w.harvest(ctx); err != nil {
		return err
	}
	rules := w.rules()
	for _, rule := range w.outages { // the first rule that matches counts
		rules = append([]map[string]any{rule}, rules...)
	}
	return w.Control.Do(ctx, http.MethodPost, "/faults", rules, nil)
}

// harvest counts how often the present faults happened, and ends them.
func (w *weather) harvest(ctx context.Context) error {
	var rules []struct {
		Service, Kind, Code string
		Status, Applied     int
	}
	if err := w.Control.Do(ctx, http.MethodGet, "/faults", nil, &rules); err != nil {
		return fmt.Errorf("counting faults: %w", err)
	}
	for _, r := range rules {
		kind := r.Service + ": " + r.Kind
		if r.Status != 0 {
			kind = fmt.Sprintf("%s: HTTP %d", r.Service, r.Status)
		}
		if r.Code != "" {
			kind = r.Service + ": " + r.Code
		}
		w.tally.fault(kind, r.Applied)
	}
	return w.Control.NoFaults(ctx)
}

func (w *weather) drop(ctx context.Context, service string) error {
	return w.Control.Fault(ctx, map[string]any{"service": service, "kind": "dropSockets"})
}

func (w *weather) shortTokens(ctx context.Context) error {
	return w.Control.Do(ctx, http.MethodPut, "/tokens", map[string]any{"lifetimeSeconds": 5 + w.dice.IntN(60)}, nil)
}

// setClock sets the clocks of Exchange and Entra by up to a minute and a half.
func (w *weather) setClock(ctx context.Context) error {
	return w.Control.Do(ctx, http.MethodPut, "/clock", map[string]any{"aheadMilliseconds": 1000 * (w.dice.IntN(181) - 90)}, nil)
}

// outage makes a service unavailable for a while.
func (w *weather) outage(ctx context.Context, service string) error {
	rule := pick(w.dice,
		map[string]any{"service": service, "kind": "resetBefore"},
		map[string]any{"service": service, "kind": "status", "status": 502},
		map[string]any{"service": service, "kind": "delay", "delayMilliseconds": 25000})
	w.outages[service] = rule
	if err := w.change(ctx); err != nil {
		return err
	}
	if err := w.drop(ctx, service); err != nil {
		return err
	}
	rest(ctx, w.options.scaled(time.Duration(5+w.dice.IntN(40))*time.Second))
	delete(w.outages, service)
	return w.change(ctx)
}

// moody changes how a room answers, for a while.
func (w *weather) moody(ctx context.Context, automate string) error {
	room := pick(w.dice, flat(floors...)...)
	delay := w.dice.IntN(1200)
	if automate == "accept" {
		delay = 4000 + w.dice.IntN(9000)
	}
	if err := w.Control.SetRoom(ctx, map[string]any{"room": room, "automate": automate, "decisionDelayMilliseconds": delay}); err != nil {
		return err
	}
	rest(ctx, w.options.scaled(time.Duration(3+w.dice.IntN(7))*time.Second))
	return w.Control.SetRoom(ctx, map[string]any{"room": room, "automate": "accept", "decisionDelayMilliseconds": w.dice.IntN(1200)})
}

// PostgreSQL.

// killBackends ends connections of the app, each with a chance of a half.
func (w *weather) killBackends(ctx context.Context) error {
	return w.terminate(ctx, `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ews' and random() < 0.5`)
}

// loseLocks ends the connections that own a configuration.
func (w *weather) loseLocks(ctx context.Context) error {
	return w.terminate(ctx, `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted`)
}

func (w *weather) terminate(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, w.URL())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

func (w *weather) restartDatabase(ctx context.Context) error { return w.Database.Restart(ctx) }

func (w *weather) crashDatabase(ctx context.Context) error {
	if err := w.Database.Kill(); err != nil {
		return err
	}
	rest(ctx, time.Duration(w.dice.IntN(3000))*time.Millisecond)
	return w.Database.Restart(ctx)
}

// clear ends everything that goes wrong.
func (w *weather) clear(ctx context.Context) error {
	if err := w.harvest(ctx); err != nil {
		return err
	}
	if err := w.Control.Do(ctx, http.MethodPut, "/tokens", map[string]any{"lifetimeSeconds": 3600}, nil); err != nil {
		return err
	}
	for _, room := range flat(floors...) {
		if err := w.Control.SetRoom(ctx, map[string]any{"room": room, "automate": "accept", "decisionDelayMilliseconds": 200}); err != nil {
			return err
		}
	}
	return nil
}
