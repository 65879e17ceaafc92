package conf

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/volatiletech/null/v8"
	"github.com/volatiletech/sqlboiler/v4/boil"

	"ews/db/generated"
)

// The names under which the two secrets are sealed and reported.
const (
	fieldClientSecret = "clientSecret"
	fieldPassword     = "password"
)

// settingColumns are the columns an administrator decides on. Everything else
// in the row belongs to the running app and is never written with them.
func settingColumns() boil.Columns {
	c := generated.ConfigurationColumns
	return boil.Whitelist(
		c.ClientID, c.ClientSecret, c.TenantID, c.EwsURL, c.Username, c.Password, c.ServiceUserUpn, c.RoomListUpn,
		c.BookingAppURL, c.RefreshInterval, c.RequestTimeout, c.AssetFilter, c.Enable, c.ProjectIds, c.UserID,
		c.AuthorityURL, c.OauthScope, c.CaCertificates, c.AllowPlainHTTP, c.HorizonDays, c.AnswerTimeout,
		c.BookingSubject, c.NotifyUsers, c.Streaming, c.TimeZone, c.OrganizerDomains,
		c.MaxConcurrentRequests, c.MaxRequestsPerMinute, c.Version, c.UpdatedAt,
	)
}

// toRow leaves out the secrets: sealing them needs the id.
func toRow(c Configuration) (*generated.Configuration, error) {
	filter, err := json.Marshal(c.AssetFilter)
	if err != nil {
		return nil, fmt.Errorf("encoding the asset filter: %w", err)
	}
	return &generated.Configuration{
		ID:              c.ID,
		ClientID:        c.ClientID,
		TenantID:        c.TenantID,
		EwsURL:          c.EWSURL,
		Username:        c.Username,
		ServiceUserUpn:  c.ServiceUserUPN,
		RoomListUpn:     c.RoomListUPN,
		BookingAppURL:   c.BookingAppURL,
		RefreshInterval: int(c.RefreshInterval / time.Second),
		RequestTimeout:  int(c.RequestTimeout / time.Second),
		AssetFilter:     null.JSONFrom(filter),
		Active:          null.BoolFrom(false),
		Enable:          null.BoolFrom(c.Enable),
		ProjectIds:      append([]string{}, c.ProjectIDs...),
		UserID:          null.NewString(c.UserID, c.UserID != ""),
		AuthorityURL:    c.AuthorityURL,
		OauthScope:      c.OAuthScope,
		CaCertificates:  c.CACertificates,
		AllowPlainHTTP:  c.AllowPlainHTTP,
		HorizonDays:     c.HorizonDays,
		AnswerTimeout:   int(c.AnswerTimeout / time.Second),
		BookingSubject:  c.BookingSubject,
		NotifyUsers:     c.NotifyUsers,
		Streaming:       c.Streaming,
		TimeZone:        c.TimeZone,
		Version:         c.Version,

		OrganizerDomains: append([]string{}, c.OrganizerDomains...),

		MaxConcurrentRequests: c.MaxConcurrentRequests,
		MaxRequestsPerMinute:  c.MaxRequestsPerMinute,
	}, nil
}

// fromRow completes a row by the defaults. Rows of earlier releases lack some
// values and obey fewer rules; that is for Validate to tell.
func (r *Repository) fromRow(row *generated.Configuration) Configuration {
	filter := [][]FilterRule{}
	if row.AssetFilter.Valid {
		if err := json.Unmarshal(row.AssetFilter.JSON, &filter); err != nil {
			// Somebody wrote the table by hand. A rule that never fits, and that
			// Validate reports, keeps the damage to this configuration.
			filter = [][]FilterRule{{{}}}
		}
	}
	clientSecret, clientErr := r.keys.Open(row.ID, fieldClientSecret, row.ClientSecret)
	password, passwordErr := r.keys.Open(row.ID, fieldPassword, row.Password)
	return Configuration{
		ID:              row.ID,
		Version:         row.Version,
		ClientID:        row.ClientID,
		ClientSecret:    clientSecret,
		TenantID:        row.TenantID,
		EWSURL:          row.EwsURL,
		Username:        row.Username,
		Password:        password,
		ServiceUserUPN:  row.ServiceUserUpn,
		RoomListUPN:     row.RoomListUpn,
		BookingAppURL:   row.BookingAppURL,
		Enable:          row.Enable.Bool,
		Active:          row.Active.Bool,
		RefreshInterval: time.Duration(row.RefreshInterval) * time.Second,
		RequestTimeout:  time.Duration(row.RequestTimeout) * time.Second,
		AssetFilter:     filter,
		ProjectIDs:      row.ProjectIds,
		UserID:          row.UserID.String,
		AuthorityURL:    row.AuthorityURL,
		OAuthScope:      row.OauthScope,
		CACertificates:  row.CaCertificates,
		AllowPlainHTTP:  row.AllowPlainHTTP,
		HorizonDays:     row.HorizonDays,
		AnswerTimeout:   time.Duration(row.AnswerTimeout) * time.Second,
		BookingSubject:  row.BookingSubject,
		NotifyUsers:     row.NotifyUsers,
		Streaming:       row.Streaming,
		TimeZone:        row.TimeZone,
		Status:          Status{Code: row.StatusCode, Text: row.Status, Since: row.StatusSince.Time},
		SecretError:     errors.Join(clientErr, passwordErr),

		OrganizerDomains: row.OrganizerDomains,

		MaxConcurrentRequests: row.MaxConcurrentRequests,
		MaxRequestsPerMinute:  row.MaxRequestsPerMinute,
	}.Normalized()
}

// changed returns the names of the settings that differ.
func changed(from, to Configuration) []string {
	before, after := from.settings(), to.settings()
	names := []string{}
	for i, s := range after {
		if !reflect.DeepEqual(before[i].value, s.value) {
			names = append(names, s.name)
		}
	}
	return names
}
