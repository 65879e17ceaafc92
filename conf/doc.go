// Package conf holds the configurations of the app: which Exchange
// organization to talk to, with which credentials, for which rooms and Eliona
// projects.
//
// It owns the defaults, the rules a configuration has to obey, the sealing of
// secrets at rest, and the table they are stored in. Field names in its
// messages are those of the app's API, which administrators know.
package conf
