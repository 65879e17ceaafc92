// Package eliona is a small client of the Eliona API v2: assets, asset data,
// notifications, asset types and the registration of the app.
//
// It exists beside the generated client because that one refuses every answer
// that holds a key it does not know, has no timeouts and panics when the API is
// down. This one ignores unknown keys, matches answers by global asset
// identifier, bounds every request in time and size and reports typed errors
// ([Error]). Only the registration ([Register]) goes through the library, with
// guards around it.
//
// The texts of notifications are a table in four languages (messages.go); no
// foreign error text reaches a user.
package eliona
