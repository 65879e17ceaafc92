package conf_test

import (
	"bytes"
	"testing"
	"time"

	"ews/conf"
	"ews/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// complete is a configuration with both sets of credentials, as in the guide.
func complete() conf.Configuration {
	c := conf.Default()
	c.ClientID = "01234567-89ab-cdef-0123-456789abcdef"
	c.ClientSecret = "random-cl13nt-s3cr3t"
	c.TenantID = "01234567-89ab-cdef-0123-456789abcdef"
	c.EWSURL = "https://outlook.office365.com/EWS/Exchange.asmx"
	c.Username = "username"
	c.Password = "pa55word"
	c.ServiceUserUPN = "eliona@example.com"
	c.RoomListUPN = "first.floor@example.com"
	c.BookingAppURL = "http://booking:3000/v1"
	c.ProjectIDs = []string{"10", "11"}
	c.AssetFilter = [][]conf.FilterRule{{{Parameter: "name", Regex: "^Room"}}}
	c.UserID = "42"
	return c
}

// different differs from complete in every setting.
func different() conf.Configuration {
	return conf.Configuration{
		ClientID: "other", ClientSecret: "other-s3cr3t", TenantID: "example.com",
		EWSURL: "http://mail.example.com/EWS/Exchange.asmx", Username: `EXAMPLE\eliona`, Password: "0ther",
		ServiceUserUPN: "service@example.com", RoomListUPN: "", BookingAppURL: "https://booking.example.com",
		Enable: false, RefreshInterval: 5 * time.Second, RequestTimeout: 7 * time.Second,
		AssetFilter: [][]conf.FilterRule{{{Parameter: "email", Regex: "a"}, {Parameter: "name", Regex: "b"}}, {{Parameter: "name", Regex: "c"}}},
		ProjectIDs:  []string{`12`, `with "quotes", commas and {braces}`}, UserID: "43",
		AuthorityURL: "https://login.example.com", OAuthScope: "https://mail.example.com/.default",
		CACertificates: certificate, AllowPlainHTTP: true,
		HorizonDays: 30, AnswerTimeout: 9 * time.Second, BookingSubject: "Besprechung für Ötzi", NotifyUsers: false, Streaming: false,
		TimeZone: "America/New_York", OrganizerDomains: []string{"example.com", "sub.example.com"},
		MaxConcurrentRequests: 4, MaxRequestsPerMinute: 600,
	}
}

func key(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// certificate is one of a certification authority made for this test.
const certificate = `-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUIvwYsteYn2MDGyM4JzF1QdjIEh4wCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjIwOTE5MzRaGA8yMTI2MTAyOTA5
MTkzNFowEjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABGMzuV50sVIg1ZtMsV/uYvQCB38Va5Vy3jy57sFuTQyEtU1zeQJH+yx+6Box
FUfMDWX8qvLvL4QDUriJEm92GpmjUzBRMB0GA1UdDgQWBBQuQVTmErR7HRfiqPj7
J/76j9tyaDAfBgNVHSMEGDAWgBQuQVTmErR7HRfiqPj7J/76j9tyaDAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIFJBChIQ6iuqkVBk0yWse5tYPQVs
/MGM5w5/WAxapZlEAiEAqzRgTUpsuywZ0T1C92T58zNvb16O/CQwUcQ89iv9uaA=
-----END CERTIFICATE-----`
