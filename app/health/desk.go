package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ews/apiserver"
	"ews/apiservices"
	"ews/app/meeting"
	"ews/conf"
	"ews/db/store"
)

// Desk answers operators.
type Desk struct {
	configurations Configurations
	db             *store.DB
	metrics        *Metrics
	supervised     func() bool
	now            func() time.Time
}

var (
	_ apiservices.Operations   = (*Desk)(nil)
	_ apiservices.ProjectRooms = (*Desk)(nil)
)

// Configurations finds a configuration, or fails with conf.ErrNotFound.
type Configurations interface {
	List(ctx context.Context) ([]conf.Configuration, error)
	Get(ctx context.Context, id int64) (conf.Configuration, error)
}

// DeskOptions are what a Desk works with.
type DeskOptions struct {
	Configurations Configurations
	DB             *store.DB
	Metrics        *Metrics
	Supervised     func() bool      // whether somebody looks after the configurations
	Now            func() time.Time // nil: the system clock
}

// NewDesk returns a Desk.
func NewDesk(o DeskOptions) *Desk {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Desk{configurations: o.Configurations, db: o.DB, metrics: o.Metrics, supervised: o.Supervised, now: o.Now}
}

// Status implements apiservices.Operations.
func (d *Desk) Status(ctx context.Context, config int64) (apiserver.ConfigurationStatus, error) {
	c, err := d.configurations.Get(ctx, config)
	if err != nil {
		return apiserver.ConfigurationStatus{}, err
	}
	overviews, err := d.db.Overviews(ctx, meeting.ConfigID(config))
	if err != nil {
		return apiserver.ConfigurationStatus{}, err
	}
	if len(overviews) == 0 { // removed just now
		return apiserver.ConfigurationStatus{}, conf.ErrNotFound
	}
	flows, err := d.db.Flows(ctx, meeting.ConfigID(config))
	if err != nil {
		return apiserver.ConfigurationStatus{}, err
	}
	return presentStatus(c, overviews[0], flows[meeting.ConfigID(config)]), nil
}

// Summaries implements apiservices.Operations.
func (d *Desk) Summaries(ctx context.Context) ([]apiserver.ConfigurationSummary, error) {
	configurations, err := d.configurations.List(ctx)
	if err != nil {
		return nil, err
	}
	overviews, err := d.db.Overviews(ctx, 0)
	if err != nil {
		return nil, err
	}
	flows, err := d.db.Flows(ctx, 0)
	if err != nil {
		return nil, err
	}
	byID := make(map[meeting.ConfigID]store.Overview, len(overviews))
	for _, o := range overviews {
		byID[o.Config] = o
	}
	summaries := make([]apiserver.ConfigurationSummary, 0, len(configurations))
	for _, c := range configurations {
		if o, there := byID[meeting.ConfigID(c.ID)]; there { // not removed between the two looks
			summaries = append(summaries, apiserver.ConfigurationSummary{
				Id: c.ID, RoomListUPN: c.RoomListUPN, TimeZone: c.TimeZone, ProjectIDs: append([]string{}, c.ProjectIDs...), Status: presentStatus(c, o, flows[o.Config]),
			})
		}
	}
	return summaries, nil
}

// Rooms implements apiservices.Operations.
func (d *Desk) Rooms(ctx context.Context, config int64) ([]apiserver.RoomStatus, error) {
	return d.rooms(ctx, config, "", meeting.Span{})
}

// RoomsBetween returns all rooms of a configuration with what both sides say
// about the time between two instants.
func (d *Desk) RoomsBetween(ctx context.Context, config int64, from, to time.Time) ([]apiserver.RoomStatus, error) {
	return d.rooms(ctx, config, "", meeting.SpanOf(from, to))
}

// Room implements apiservices.Operations.
func (d *Desk) Room(ctx context.Context, config int64, address string) (apiserver.RoomStatus, error) {
	room := meeting.AddressOf(address)
	rooms, err := d.rooms(ctx, config, room, meeting.Span{})
	if err != nil {
		return apiserver.RoomStatus{}, err
	}
	if room == "" || len(rooms) == 0 {
		return apiserver.RoomStatus{}, apiservices.ErrNoRoom
	}
	return rooms[0], nil
}

// rooms returns the rooms of a configuration, or the one with an address, and
// what both sides say about a time; without one it is the present day.
func (d *Desk) rooms(ctx context.Context, config int64, address meeting.Address, span meeting.Span) ([]apiserver.RoomStatus, error) {
	c, err := d.configurations.Get(ctx, config)
	if err != nil {
		return nil, err
	}
	if span.Start.IsZero() {
		span = d.today(c.Zone())
	}
	views, err := d.db.RoomViews(ctx, meeting.ConfigID(config), address, span)
	if err != nil {
		return nil, err
	}
	rooms := make([]apiserver.RoomStatus, 0, len(views))
	for _, v := range views {
		rooms = append(rooms, presentRoom(v, d.now()))
	}
	return rooms, nil
}

// today is the present day in a time zone.
func (d *Desk) today(zone *time.Location) meeting.Span {
	now := d.now().In(zone)
	year, month, day := now.Date()
	return meeting.SpanOf(time.Date(year, month, day, 0, 0, 0, 0, now.Location()),
		time.Date(year, month, day+1, 0, 0, 0, 0, now.Location()))
}

// Findings implements apiservices.Operations.
func (d *Desk) Findings(ctx context.Context, config int64) ([]apiserver.Finding, error) {
	if _, err := d.configurations.Get(ctx, config); err != nil {
		return nil, err
	}
	found, err := d.db.Findings(ctx, meeting.ConfigID(config))
	if err != nil {
		return nil, err
	}
	findings := make([]apiserver.Finding, 0, len(found))
	for _, f := range found {
		findings = append(findings, presentFinding(f))
	}
	return findings, nil
}

// Retry implements apiservices.Operations.
func (d *Desk) Retry(ctx context.Context, config int64, finding string) error {
	if _, err := d.configurations.Get(ctx, config); err != nil {
		return err
	}
	err := d.db.Retry(ctx, meeting.ConfigID(config), finding)
	switch {
	case errors.Is(err, store.ErrNoFinding):
		return apiservices.ErrNoFinding
	case errors.Is(err, store.ErrNoRetry):
		return apiservices.ErrNoRetry
	}
	return err
}

// Resync implements apiservices.Operations.
func (d *Desk) Resync(ctx context.Context, config int64) error {
	if _, err := d.configurations.Get(ctx, config); err != nil {
		return err
	}
	_, err := d.db.Resync(ctx, meeting.ConfigID(config), "")
	return err
}

// ResyncRoom implements apiservices.Operations.
func (d *Desk) ResyncRoom(ctx context.Context, config int64, address string) error {
	if _, err := d.configurations.Get(ctx, config); err != nil {
		return err
	}
	room := meeting.AddressOf(address)
	if room == "" {
		return apiservices.ErrNoRoom
	}
	n, err := d.db.Resync(ctx, meeting.ConfigID(config), room)
	if err == nil && n == 0 {
		return apiservices.ErrNoRoom
	}
	return err
}

// ProjectRooms implements apiservices.ProjectRooms.
func (d *Desk) ProjectRooms(ctx context.Context, project string) ([]apiservices.ProjectRoom, error) {
	found, err := d.db.ProjectRooms(ctx, project)
	if err != nil {
		return nil, err
	}
	rooms := make([]apiservices.ProjectRoom, 0, len(found))
	for _, r := range found {
		rooms = append(rooms, apiservices.ProjectRoom{AssetID: int32(r.Asset), Name: r.Name})
	}
	return rooms, nil
}

// pingTime is how long the database may take to answer.
const pingTime = 2 * time.Second

// Ready implements apiservices.Operations. Whoever can ask got past the
// registration.
func (d *Desk) Ready(ctx context.Context) apiserver.Health {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	health := apiserver.Health{Ok: true}
	for _, check := range []struct {
		name, text string
		ok         bool
	}{
		{"registered", "", true},
		{"database", "the database does not answer", d.db.Pool().Ping(ctx) == nil},
		{"supervisor", "nobody looks after the configurations", d.supervised()},
	} {
		if check.ok {
			check.text = ""
		}
		health.Ok = health.Ok && check.ok
		health.Checks = append(health.Checks, apiserver.HealthCheck{Name: check.name, Ok: check.ok, Text: check.text})
	}
	return health
}

// WriteMetrics implements apiservices.Operations.
func (d *Desk) WriteMetrics(ctx context.Context, to io.Writer) error {
	if err := d.metrics.Write(ctx, to); err != nil {
		return fmt.Errorf("telling the metrics: %w", err)
	}
	return nil
}
