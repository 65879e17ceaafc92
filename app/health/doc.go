// Package health shows operators how the synchronisation is going: the status,
// the rooms and the findings behind the API, words for every code, metrics for
// Prometheus, and the progress of an import in the log.
//
// What it shows is read from the database, where the process that works on a
// configuration reports about itself, so every replica gives the same answer.
// Nothing of it names a subject, and metrics name neither rooms nor persons.
package health
