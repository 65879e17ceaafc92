// Package postgres starts throw-away PostgreSQL servers: for tests, for the
// generator of the database models and for the demonstration.
//
// A server keeps its data in a temporary directory that goes away with it and
// trades durability for speed. Never keep anything in it that matters.
package postgres
