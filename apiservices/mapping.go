package apiservices

import (
	"time"

	"ews/apiserver"
	"ews/conf"
)

// accept makes a configuration of what a client sent: its values, the defaults
// for those it left out, the secrets of the current configuration where it did
// not send others. It also returns all that is wrong with it.
func accept(sent apiserver.Configuration, current conf.Configuration) (conf.Configuration, []conf.FieldError) {
	c := conf.Default()
	c.ID, c.Version, c.UserID = current.ID, current.Version, current.UserID
	c.ServiceUserUPN, c.BookingAppURL = sent.ServiceUserUPN, sent.BookingAppURL
	set(&c.ClientID, sent.ClientId)
	set(&c.TenantID, sent.TenantId)
	set(&c.EWSURL, sent.EwsURL)
	set(&c.Username, sent.Username)
	set(&c.RoomListUPN, sent.RoomListUPN)
	set(&c.Enable, sent.Enable)
	set(&c.ProjectIDs, sent.ProjectIDs)
	set(&c.AuthorityURL, sent.AuthorityURL)
	set(&c.OAuthScope, sent.OauthScope)
	set(&c.CACertificates, sent.CaCertificates)
	set(&c.AllowPlainHTTP, sent.AllowPlainHTTP)
	set(&c.BookingSubject, sent.BookingSubject)
	set(&c.NotifyUsers, sent.NotifyUsers)
	set(&c.Streaming, sent.Streaming)
	set(&c.TimeZone, sent.TimeZone)
	set(&c.OrganizerDomains, sent.AllowedOrganizerDomains)
	setSeconds(&c.RefreshInterval, sent.RefreshInterval)
	setSeconds(&c.RequestTimeout, sent.RequestTimeout)
	setSeconds(&c.AnswerTimeout, sent.AnswerTimeout)
	setNumber(&c.HorizonDays, sent.HorizonDays)
	setNumber(&c.MaxConcurrentRequests, sent.MaxConcurrentRequests)
	setNumber(&c.MaxRequestsPerMinute, sent.MaxRequestsPerMinute)
	if sent.AssetFilter != nil {
		c.AssetFilter = filterRules(*sent.AssetFilter)
	}
	var problems []conf.FieldError
	c.ClientSecret = secret("clientSecret", sent.ClientSecret, current.ClientSecret, current.ID, &problems)
	c.Password = secret("password", sent.Password, current.Password, current.ID, &problems)
	c = c.Normalized()
	return c, append(problems, c.Validate()...)
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func setNumber(to *int, from *int32) {
	if from != nil {
		*to = int(*from)
	}
}

func setSeconds(to *time.Duration, from *int32) {
	if from != nil {
		*to = time.Duration(*from) * time.Second
	}
}

// secret returns the secret to store. Nothing and the mask mean the current
// one; a new configuration has none the mask could stand for.
func secret(field string, sent *string, current conf.Secret, id int64, problems *[]conf.FieldError) conf.Secret {
	switch {
	case sent == nil:
		return current
	case *sent == conf.Mask && id != 0:
		return current
	case *sent == conf.Mask:
		*problems = append(*problems, conf.FieldError{
			Field: field, Message: "must be the secret itself; " + conf.Mask + " only stands for one that is stored already",
		})
	case conf.Secret(*sent).Sealed():
		*problems = append(*problems, conf.FieldError{Field: field, Message: "must be the secret itself, not its encrypted form"})
	}
	return conf.Secret(*sent)
}

func filterRules(sent apiserver.AssetFilter) [][]conf.FilterRule {
	groups := make([][]conf.FilterRule, 0, len(sent))
	for _, rules := range sent {
		group := make([]conf.FilterRule, 0, len(rules))
		for _, rule := range rules {
			group = append(group, conf.FilterRule{Parameter: string(rule.Parameter), Regex: rule.Regex})
		}
		groups = append(groups, group)
	}
	return groups
}

// present shows a configuration with all its fields and masked secrets.
func present(c conf.Configuration) apiserver.Configuration {
	answer := apiserver.Configuration{
		Id:              &c.ID,
		ClientId:        &c.ClientID,
		ClientSecret:    new(c.ClientSecret.String()),
		TenantId:        &c.TenantID,
		EwsURL:          &c.EWSURL,
		Username:        &c.Username,
		Password:        new(c.Password.String()),
		ServiceUserUPN:  c.ServiceUserUPN,
		RoomListUPN:     &c.RoomListUPN,
		BookingAppURL:   c.BookingAppURL,
		Enable:          &c.Enable,
		Active:          &c.Active,
		RefreshInterval: seconds(c.RefreshInterval),
		RequestTimeout:  seconds(c.RequestTimeout),
		AssetFilter:     presentFilter(c.AssetFilter),
		ProjectIDs:      &c.ProjectIDs,
		UserId:          &c.UserID,
		AuthorityURL:    &c.AuthorityURL,
		OauthScope:      &c.OAuthScope,
		CaCertificates:  &c.CACertificates,
		AllowPlainHTTP:  &c.AllowPlainHTTP,
		HorizonDays:     number(c.HorizonDays),
		AnswerTimeout:   seconds(c.AnswerTimeout),
		BookingSubject:  &c.BookingSubject,
		NotifyUsers:     &c.NotifyUsers,
		Streaming:       &c.Streaming,
		TimeZone:        &c.TimeZone,
		StatusCode:      &c.Status.Code,
		StatusText:      &c.Status.Text,

		AllowedOrganizerDomains: &c.OrganizerDomains,
		MaxConcurrentRequests:   number(c.MaxConcurrentRequests),
		MaxRequestsPerMinute:    number(c.MaxRequestsPerMinute),
	}
	if !c.Status.Since.IsZero() {
		answer.StatusSince = new(c.Status.Since.UTC())
	}
	return answer
}

func presentFilter(groups [][]conf.FilterRule) *apiserver.AssetFilter {
	shown := make(apiserver.AssetFilter, 0, len(groups))
	for _, rules := range groups {
		group := make([]apiserver.FilterRule, 0, len(rules))
		for _, rule := range rules {
			group = append(group, apiserver.FilterRule{Parameter: apiserver.FilterRuleParameter(rule.Parameter), Regex: rule.Regex})
		}
		shown = append(shown, group)
	}
	return &shown
}

func number(n int) *int32 { return new(int32(n)) } // an integer column

func seconds(d time.Duration) *int32 { return new(int32(d / time.Second)) } // an integer column
