// Package wire holds the XML shapes of the Exchange Web Services SOAP protocol:
// the request envelope, the operations this product sends, and tolerant types
// for what servers answer.
//
// Requests are marshalled from structs only; every value passes the XML
// encoder, so no caller text can become markup. Prefixes are fixed (soap, m, t)
// and declared once on the envelope. Element order follows Messages.xsd and
// Types.xsd, because Exchange validates requests against them.
//
// Response types carry no namespace in their tags on purpose: servers answer
// with various prefixes and a few elements appear in an unexpected namespace.
// Every response field may be missing. Times stay strings here, because one
// unparsable time.Time field would make encoding/xml refuse a whole document.
//
// Sources: the Microsoft documentation pages of each operation ("GetItem
// operation", "SyncFolderItems operation", ...) and the published schemas.
package wire
