// Package ews is a client for the calendar part of Exchange Web Services.
//
// A Client speaks to one endpoint with one identity. Every call names the
// mailbox it impersonates, checks every response message it gets back, and
// reports failures as *Error, whose Class says what a caller can do about them.
// The client retries nothing that reached the server, except after an answer
// that proves the request was refused before it ran (401, unsupported schema
// version); deciding about retries is the caller's work, and Error.Ambiguous
// tells when that takes a look at the calendar first.
//
// When the server asks for less traffic, all calls of a Client wait for the
// same instant; a call whose context ends earlier fails at once with
// ClassThrottled.
//
// Times are read leniently and returned in UTC with whole seconds; a zero
// time.Time means the server did not send the value.
//
// The behaviour follows the Microsoft documentation: the reference page of each
// operation, "ResponseCode", "EWS throttling in Exchange", "Impersonation and
// EWS in Exchange", MS-OXOCAL, MS-OXCICAL, MS-NLMP and RFC 5929.
package ews
